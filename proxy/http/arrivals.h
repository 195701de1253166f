// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <utility>

#include "metrics/reasons.h"
#include "proxy/http/client/client_address.h"
#include "proxy/http/client/clients.h"
#include "proxy/http/peer/proxy_header.h"
#include "proxy/http/peer/trusted_proxies.h"
#include "proxy/http/server.h"
#include "proxy/loop/loop.h"

struct event;

namespace entrepot::http {

/// The accepted connections of one loop until their client is known. It is known at once, except
/// for a trusted proxy with the PROXY protocol, whose header comes first. Takes exactly the bytes
/// of the header from the socket, so that those of the client, TLS or plain HTTP, are the next
/// ones. Loop thread only, except the constructor.
class Arrivals {
 public:
  using Clock = std::chrono::steady_clock;
  struct Calls {
    /// Takes over `fd`, whose next bytes are those of `client`.
    std::function<void(int fd, Peer client)> known;
    /// Makes room in `clients` for a connection. False: there is none.
    std::function<bool()> make_room;
    /// A connection has ended without a header.
    std::function<void()> ended;
  };

  /// `options`, `handler` and `clients` outlive this.
  Arrivals(loop::Loop& loop, const ServerOptions& options, Handler& handler, Clients& clients,
           Calls calls);
  ~Arrivals();
  Arrivals(const Arrivals&) = delete;
  Arrivals& operator=(const Arrivals&) = delete;

  /// Takes over `fd`, a connected, non-blocking socket.
  void accepted(int fd, Peer peer);
  /// Trusts `proxies` from now on; null: none.
  void trust(std::shared_ptr<const TrustedProxies> proxies);
  /// The timeouts of the connections that arrive from now on.
  void set_timeouts(const ServerTimeouts& timeouts) { timeouts_ = timeouts; }
  const ServerTimeouts& timeouts() const { return timeouts_; }
  /// Null: none is trusted. Valid in this turn of the loop.
  const TrustedProxies* proxies() const { return proxies_.get(); }
  /// Counts a connection or a request of a trusted proxy that does not name its client, and tells
  /// the handler unless its end is an ordinary one.
  void failed(metrics::Forwarding reason, const Peer& proxy);

  /// Closes the connection that has waited longest for its header. False: there is none.
  bool displace();
  /// Closes the connections whose header is not complete in `time` from now.
  void shorten(std::chrono::milliseconds time);
  /// Closes all connections.
  void close();
  /// True if no connection waits for its header.
  bool empty() const { return waits_.empty(); }

 private:
  /// A connection that waits for its header.
  struct Wait {
    Arrivals* arrivals;
    int fd;
    Peer proxy;
    Clients::Share share;  // its place in the server until the client has one
    Clock::time_point deadline;
    std::string received = {};  // the beginning of the header
    event* readable = nullptr;
    std::list<Wait>::iterator place = {};  // its own
  };

  void wait(int fd, Peer proxy, Clients::Share share);
  /// Reads what has arrived.
  void read(Wait& wait);
  void complete(Wait& wait, const ProxyHeader& header);
  void fail(Wait& wait, metrics::Forwarding reason);
  /// Ends a wait; the caller gets its descriptor and its proxy.
  std::pair<int, Peer> remove(Wait& wait);
  void expire();
  /// Calls expire() at the first deadline.
  void expire_later();

  loop::Loop& loop_;
  const ServerOptions& options_;
  Handler& handler_;
  Clients& clients_;
  const Calls calls_;
  std::shared_ptr<const TrustedProxies> proxies_;
  ServerTimeouts timeouts_;
  // The earliest deadline first, but after another timeout, when some may end late by its change.
  std::list<Wait> waits_;
  std::unique_ptr<loop::Loop::Timer> timer_;  // null without waits
};

}  // namespace entrepot::http
