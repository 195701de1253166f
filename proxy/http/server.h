// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "metrics/metrics.h"
#include "proxy/http/client/clients.h"
#include "proxy/http/exchange.h"
#include "proxy/http/listen/neighbours.h"
#include "proxy/http/next.h"

namespace entrepot::loop {
class Loop;
class StorePool;
}  // namespace entrepot::loop

namespace entrepot::http {

class ClientShares;
struct TrustedProxies;

namespace tls {
class Context;
}  // namespace tls

/// Counts the refusals and disconnections because of the bounds per client.
struct ClientCounters {
  metrics::Counter connections, requests, misses, heads;  ///< refused with 429 or 503, by the bound
  metrics::Counter bandwidth;  ///< replies that have waited for the pace of their client
  metrics::Counter slow;       ///< disconnected because the client took its reply too slowly
  metrics::Counter idle;       ///< connections closed to make room for a new one
};

struct ServerOptions {
  /// "address:port" ("0.0.0.0:5000", "[::]:5000"); port 0 picks a free one. Or "unix:" and the
  /// absolute path of a socket, which listen_on_unix() makes and the server removes.
  std::string address;
  /// Permission bits of a unix socket; connect() needs the right to write.
  unsigned socket_mode = 0660;
  /// Listening sockets on `address` of another server, which this one takes over (listen_on()).
  std::vector<int> inherited;
  Neighbours neighbours = Neighbours::refused;
  /// The listener speaks TLS with these settings; null: plain TCP.
  std::shared_ptr<const tls::Context> tls;
  metrics::TlsMetrics tls_metrics;
  /// Their connections and requests are those of the clients behind them; null: nobody's.
  std::shared_ptr<const TrustedProxies> trusted_proxies;
  metrics::ForwardingMetrics forwarding;
  /// From the first byte of a request, or from accepting the connection, to the end of the head;
  /// once more for a body that is discarded. Then 408. Bytes in between do not extend it. A header
  /// of the PROXY protocol has as long before that; then the connection is closed.
  std::chrono::milliseconds header_timeout{std::chrono::seconds(10)};
  /// Between a reply and the next request.
  std::chrono::milliseconds idle_timeout{std::chrono::seconds(75)};
  /// A client that acknowledges less than SendProgress::least_rate of its reply on average over
  /// this time is disconnected.
  std::chrono::milliseconds send_timeout{std::chrono::seconds(60)};
  /// Apply to all loops of this server together. A connection over them gets 503, over those of one
  /// client 429, with Retry-After.
  ClientLimits limits;
  /// The requests, misses and bandwidth of each client, shared with other servers. Outlives the
  /// server. Null: they have no bounds.
  ClientShares* shares = nullptr;
  /// The connections that a new one may displace when limits.connections (or own_descriptors) are
  /// in use, so that held connections do not lock others out. The loop that accepted it compares
  /// 128 of its connections and closes the one that has waited longest for a whole request; if all
  /// have one, the one with the oldest reply. A loop without a candidate asks the other loops, one
  /// after the other. Without any candidate the new connection gets 503.
  enum class Displaces : std::uint8_t {
    nobody,
    idle,    ///< connections without a complete request
    anybody  ///< the idle ones of the loop first, then its others
  };
  Displaces displaces = Displaces::nobody;
  /// Descriptors of each loop that are reserved for connections of this server, in case the clients
  /// of another server use up all others.
  std::size_t own_descriptors = 0;
  /// Counts connections over limits.connections.
  std::optional<metrics::Counter> turned_away;
  /// Counts refusals and disconnections because of the bounds per client.
  std::optional<ClientCounters> client_counters;
  /// Counts the requests whose handler threw; their connections are closed. Without a counter an
  /// exception ends the process.
  std::optional<metrics::Counter> handler_failures;
  /// "Name: value\r\n" lines added to every reply.
  std::string common_fields;
  /// Reads the file bodies that are not in the page cache, so that no loop waits for a disk.
  /// Outlives the server. Null: the loops read them.
  loop::StorePool* readers = nullptr;
};

/// The times that a server may change (ServerOptions).
struct ServerTimeouts {
  explicit ServerTimeouts(const ServerOptions& options)
      : header(options.header_timeout), idle(options.idle_timeout), send(options.send_timeout) {}
  std::chrono::milliseconds header, idle, send;
};

/// Listening on an address failed. what() is one line with the address and the reason.
class ListenError : public std::runtime_error {
 public:
  explicit ListenError(const std::string& what, bool in_use = false)
      : std::runtime_error(what), in_use_(in_use) {}
  /// Another socket has the port.
  bool in_use() const { return in_use_; }

 private:
  bool in_use_;
};

/// A server on one address: on each loop a listener and the connections that it accepts. On a port
/// each loop has a socket of its own (SO_REUSEPORT); on a unix socket the loops take turns.
class Server {
 public:
  /// Binds the address; throws ListenError. Except on a unix socket, clients are refused
  /// until listen(). Any thread; the loops may run. `handler` and `loops` outlive the server.
  Server(ServerOptions options, const std::vector<loop::Loop*>& loops, Handler& handler);
  /// Closes all connections and waits for the loops to do so, for two turns of each. REQUIRES: all
  /// loops run and are not stopped meanwhile, or the threads of all have been joined. Not on a
  /// thread of the loops.
  ~Server();

  /// The bound port; 0 for a unix socket.
  std::uint16_t port() const;
  /// The listening sockets, for another process: open until drain(), close() or the destructor.
  const std::vector<int>& sockets() const;
  /// Clients wait in the queue of the kernel from now on. Throws ListenError. Any thread, before
  /// start().
  void listen();
  /// Begins to accept. Any thread. REQUIRES: listen().
  void start();
  /// Closes the listeners and the idle connections; requests in progress get their replies with
  /// `Connection: close`. Calls `drained` on one of the loops when the last connection has ended.
  /// A unix socket loses its file at once. Any thread; once; before start() too. After
  /// Next::listens, the file stays, and an idle connection may send one more request, since nobody
  /// waits for the end of this server.
  void drain(Next next, const std::function<void()>& drained);
  /// Uses `context` for the connections that are accepted from now on; the others keep theirs. Any
  /// thread, before close() and drain() have been called or after. REQUIRES: ServerOptions::tls.
  void renew(const std::shared_ptr<const tls::Context>& context);
  /// Trusts `proxies` (ServerOptions::trusted_proxies): connections that are accepted from now on,
  /// and requests that arrive from now on. Any thread, as renew().
  void trust(const std::shared_ptr<const TrustedProxies>& proxies);
  /// Uses the timeouts and the limits of connections in `next` for the connections that are
  /// accepted from now on. Any thread, as renew().
  void bound(const ServerOptions& next);
  /// Closes the listeners and all connections. Any thread. REQUIRES: the loops run.
  void close();

  /// Whether a loop may still have its listening socket open. False some time after drain() or
  /// close(). Any thread.
  bool holds_address() const;
  /// Open connections, including those that are being refused. Any thread.
  std::size_t connections() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace entrepot::http
