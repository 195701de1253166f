// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/http/socket/output.h"

struct evbuffer;

namespace entrepot::http {

enum class SocketEvent : std::uint8_t {
  ready,        ///< input has arrived, or the kernel has taken the whole output
  input_end,    ///< the client sends no bytes after those in the input
  broken,       ///< the socket is of no use any more
  file_failed,  ///< the same, because the kernel could not read the file that it was sending
  /// The client speaks plain HTTP on a socket for TLS. Bytes written from now on leave in the
  /// clear.
  plain_request,
};

/// Receives the events of a socket, on the loop, and never inside a call of the Socket.
class SocketUser {
 public:
  virtual void on_event(SocketEvent event) = 0;

 protected:
  ~SocketUser() = default;
};

/// The connected socket of a client: plain TCP, TLS over it, or a unix socket. Reads ahead into a
/// bounded buffer. Owned by a Connection. Loop thread only.
class Socket {
 public:
  /// Bytes that a socket reads ahead; the kernel holds the rest, which slows the client down.
  static constexpr std::size_t input_limit = 4 * 1024;

  Socket() = default;
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  /// Closes the descriptor.
  virtual ~Socket() = default;

  /// Bytes that have arrived; the owner removes those that it has used. Valid as long as this.
  virtual evbuffer* input() = 0;
  virtual Output& output() = 0;
  virtual int fd() const = 0;

  /// The names of the client's certificate (tls::names_of()); null without one, and before the
  /// handshake has ended.
  virtual std::shared_ptr<const std::vector<std::string>> certificate() const { return nullptr; }
  /// Why the client's certificate was refused, for the log, after `broken`; empty: it was not.
  /// Static text.
  virtual std::string_view certificate_fault() const { return {}; }

  /// Begins to read and to send, and to tell `user`, which outlives this. Once.
  virtual void start(SocketUser& user) = 0;
  /// Reads more after the owner has emptied the input. False: there is nothing to read now, and an
  /// event follows.
  virtual bool refill() { return false; }
  /// Reads no more.
  virtual void stop_reading() = 0;
  /// The deadline of the client's first or next request has passed; stop() follows.
  virtual void overdue() {}
  /// Tells the user nothing more; tells the client of a clean end if all is sent. Once.
  virtual void stop() = 0;
  /// Hands over the descriptor, which the destructor then does not close. REQUIRES: after stop().
  virtual int release() = 0;

  /// Makes the close of the descriptor reset the connection, so that the kernel does not keep
  /// megabytes for a client that does not take them. On a unix socket the client sees an ordinary
  /// end, and the kernel keeps at most net.core.wmem_default bytes until it closes.
  void reset_on_close();
};

}  // namespace entrepot::http
