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
#include "proxy/http/clients.h"
#include "proxy/http/exchange.h"

namespace entrepot::loop {
class Loop;
class StorePool;
}  // namespace entrepot::loop

namespace entrepot::http {

struct ClientCounters {
  metrics::Counter connections, misses, heads;
  metrics::Counter slow;  ///< cut because they took too little
  metrics::Counter idle;  ///< cut between two requests for a newcomer
};

struct ServerOptions {
  /// "address:port" ("0.0.0.0:5000", "[::]:5000"); port 0 picks a free one.
  std::string address;
  /// From the first byte of a request, or from accepting the connection, to the end of its head
  /// (and as long again for a body that is drained): 408. Bytes in between do not extend it.
  std::chrono::milliseconds header_timeout{std::chrono::seconds(10)};
  /// Between a reply and the next request.
  std::chrono::milliseconds idle_timeout{std::chrono::seconds(75)};
  /// Less than SendProgress::least_rate of a reply acknowledged by the client on average over this
  /// long: cut.
  std::chrono::milliseconds send_timeout{std::chrono::seconds(60)};
  /// Over all loops of this server. Who has no place is answered 503 with Retry-After.
  ClientLimits limits;
  /// Whose place a newcomer gets where all places (or all of own_descriptors) are taken, so that
  /// nobody keeps it out by holding connections. That connection is cut: of 128 that are looked at
  /// in turn the one that has waited longest for a whole request, or where none does, the one that
  /// was answered longest ago. 503 where there is nobody.
  enum class Displaces : std::uint8_t {
    nobody,
    idle,    ///< connections that have no whole request under way
    anybody  ///< those first, then others
  };
  Displaces displaces = Displaces::nobody;
  /// Descriptors of each loop that only its connections here may have. Those that clients of
  /// another server use up are no others than the rest.
  std::size_t own_descriptors = 0;
  /// Counts connections over limits.connections.
  std::optional<metrics::Counter> turned_away;
  /// Counts what clients were refused, or lost, because they had their share.
  std::optional<ClientCounters> client_counters;
  /// Counts the requests whose handler threw; their connections are cut.
  std::optional<metrics::Counter> handler_failures;
  /// "Name: value\r\n" lines added to every reply.
  std::string common_fields;
  /// Reads file bodies that are not in the page cache, so that no loop waits for a disk. Outlives
  /// the server. Null: the loops read them themselves.
  loop::StorePool* readers = nullptr;
};

/// The address cannot be listened on. what() is one line naming it and why.
class ListenError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A listener per loop on one address (SO_REUSEPORT) and the connections they accept.
class Server {
 public:
  /// Binds on the calling thread, before the loops start; throws ListenError. `handler` and
  /// `loops` outlive the server.
  Server(ServerOptions options, const std::vector<loop::Loop*>& loops, Handler& handler);
  /// Cuts what is left, and waits for the loops to let go: either they all run, and are not stopped
  /// meanwhile, or their threads have been joined. Not from a thread of theirs.
  ~Server();

  /// The bound port.
  std::uint16_t port() const;
  /// Begins to accept. Any thread.
  void start();
  /// Closes the listeners, answers what is in flight with `Connection: close`, and closes idle
  /// connections. `drained` is called on one of the loops when the last one has ended. Any thread,
  /// once.
  void drain(const std::function<void()>& drained);
  /// Cuts all connections. Any thread; the loops still run.
  void close();

  std::size_t connections() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace entrepot::http
