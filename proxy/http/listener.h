// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/http/client/client_address.h"
#include "proxy/http/listen/neighbours.h"
#include "proxy/http/listen/unix_socket.h"
#include "proxy/loop/loop.h"

struct event;

namespace entrepot::http {

/// Sockets on one address. Their user closes them.
struct Listening {
  std::vector<int> sockets;
  /// The file of a unix socket. Then `sockets` are descriptors of one socket with one queue of
  /// clients.
  std::optional<SocketFile> file = {};
};

/// Opens `count` sockets on `address`. "a.b.c.d:port" and "[v6]:port" ("[::]" accepts IPv4 too):
/// they share one port, and the kernel spreads the clients over them. They get no client before
/// begin_listening(); until then no other process can listen there. Throws ListenError, also if
/// another process of this user listens there, which SO_REUSEPORT alone would permit. "unix:/path":
/// as listen_on_unix(), with the permission bits `mode`. `inherited`: sockets of another server
/// that listens on `address`, which are used first. That server accepts the clients of those that
/// are too many.
Listening bind_on(const std::string& address, std::size_t count, unsigned mode = 0660,
                  const std::vector<int>& inherited = {},
                  Neighbours neighbours = Neighbours::refused);
/// Makes the sockets of bind_on() listen; those that listen already stay as they are. Throws
/// ListenError, which names `address`, if the kernel lacks memory.
void begin_listening(const std::string& address, const std::vector<int>& sockets);
/// Both for a port: `count` listening sockets, which the caller closes.
std::vector<int> listen_on(const std::string& address, std::size_t count);
/// Descriptors of the same listening sockets, for another server. The caller closes them. Throws
/// ListenError, which names `address`.
std::vector<int> duplicates(const std::string& address, const std::vector<int>& sockets);
/// Whether two configured addresses are spellings of one: "[::1]:80" and "[0::1]:080",
/// "127.0.0.1:80" and "[::ffff:127.0.0.1]:80", "unix:/a/b" and "unix:/a//b". Two addresses whose
/// port the system chooses are the same if their texts are. Throws ListenError for text that is no
/// address.
bool same_address(const std::string& one, const std::string& other);
/// Whether a socket on one address could get clients of the other: the same port, and the same IP
/// address or "any". False for unix sockets and port 0. Throws ListenError for text that is no
/// address.
bool overlap(const std::string& one, const std::string& other);
/// Whether the socket listens on a configured address and port. False for unix sockets and port 0.
/// Throws ListenError for text that is no address.
bool listens_on(int fd, const std::string& address);
/// The port to which a socket is bound; 0 for a unix socket.
std::uint16_t local_port(int fd);

/// Accepts connections on a listening socket. When the process has no descriptors left, it takes
/// one of its reserve. If the reserve is empty, it answers one client by means of a spare
/// descriptor and accepts none for a while. Loop thread only, except the constructor.
class Listener {
 public:
  /// Closes a connection and passes its descriptor to take_back(). False: there is none to close.
  using MakeRoom = std::function<bool()>;
  /// Takes over `fd`, a connected, non-blocking socket (TCP: with TCP_NODELAY).
  using Accepted = std::function<void(int fd, Peer peer)>;
  /// The time without accepting after descriptors ran out.
  static constexpr std::chrono::milliseconds rest{100};

  /// Takes over `fd`. `busy` returns the whole answer to a client without a descriptor.
  Listener(loop::Loop& loop, int fd, Accepted accepted, std::function<std::string()> busy);
  /// Reserves `descriptors`. `make_room` is called when the reserve is empty.
  void reserve(std::size_t descriptors, MakeRoom make_room);
  /// Whether the reserve lacks descriptors, so that take_back() should get those of connections.
  bool wants_back() const { return reserve_.size() < reserved_; }
  /// Closes the connection of this descriptor and adds the descriptor to the reserve. It is never
  /// free in between, so no other thread can get it.
  void take_back(int fd);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  /// Listeners of several loops have one queue of clients: this one stops after each connection,
  /// until start(), and calls `pass`, which starts the next one. Before start().
  void take_turns(std::function<void()> pass) { pass_ = std::move(pass); }

  /// Begins to accept, unless it is closed.
  void start();
  /// Accepts the connections in the kernel's queue, then stops listening.
  void close();
  /// Stops listening. The queue stays with the other owners of the socket.
  void leave();
  /// start() has been called.
  bool started() const { return started_; }

 private:
  static void on_ready(int, short, void* self);
  /// Accepts at most `limit` connections. False: the kernel's queue is empty.
  bool accept_some(int limit);
  /// Closes a descriptor of the reserve, so that accept() succeeds. False: there is none.
  bool free_descriptor();
  void out_of_descriptors();

  loop::Loop& loop_;
  const Accepted accepted_;
  const std::function<std::string()> busy_;
  std::function<void()> pass_;  // null: its queue is its own
  bool started_ = false;
  int batch_ = 1;  // accepted in the next turn
  int fd_;
  int spare_;
  std::size_t reserved_ = 0;
  std::vector<int> reserve_;
  MakeRoom make_room_;
  event* ready_;
  std::unique_ptr<loop::Loop::Timer> resting_;
};

}  // namespace entrepot::http
