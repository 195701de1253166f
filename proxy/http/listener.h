// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/http/client_address.h"
#include "proxy/loop/loop.h"

struct event;

namespace entrepot::http {

/// Listening sockets on `address` ("a.b.c.d:port", "[v6]:port"; "[::]" takes IPv4 too), `count` of
/// them sharing one port, among which the kernel spreads the clients. Throws ListenError, also when
/// another process of ours listens there: SO_REUSEPORT alone would let it in.
std::vector<int> listen_on(const std::string& address, std::size_t count);
/// The port a socket is bound to.
std::uint16_t local_port(int fd);

/// Who has connected.
struct Peer {
  std::string name;  ///< "address:port"
  ClientAddress address;
};

/// Accepts connections on a listening socket. When descriptors run out it takes one of its reserve;
/// without one it answers one waiting client with the help of a spare one, and rests for a moment
/// instead of spinning. Loop thread only, but for the constructor.
class Listener {
 public:
  /// Closes a connection, whose descriptor comes back to the reserve; false where there is none.
  using MakeRoom = std::function<bool()>;
  /// Gets a non-blocking socket without Nagle's delay.
  using Accepted = std::function<void(int fd, Peer peer)>;
  static constexpr std::chrono::milliseconds rest{100};

  /// Takes over `fd`. `busy` is sent, whole, to a client for whom no descriptor is left.
  Listener(loop::Loop& loop, int fd, Accepted accepted, std::function<std::string()> busy);
  /// Keeps this many descriptors; `make_room` is asked once they are used.
  void reserve(std::size_t descriptors, MakeRoom make_room);
  /// Whether the descriptor of a connection that ends is wanted for the reserve.
  bool wants_back() const { return reserve_.size() < reserved_; }
  /// Ends the connection of this descriptor, and keeps its number: were it closed, another thread
  /// might get it.
  void take_back(int fd);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  void start();
  /// Takes in who is already waiting, then stops to listen.
  void close();

 private:
  static void on_ready(int, short, void* self);
  /// At most `limit` of them. False when none is left.
  bool accept_some(int limit);
  /// False where none can be had.
  bool free_descriptor();
  void out_of_descriptors();

  loop::Loop& loop_;
  const Accepted accepted_;
  const std::function<std::string()> busy_;
  int fd_;
  int spare_;
  std::size_t reserved_ = 0;
  std::vector<int> reserve_;
  MakeRoom make_room_;
  event* ready_;
  std::unique_ptr<loop::Loop::Timer> resting_;
};

}  // namespace entrepot::http
