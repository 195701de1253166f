// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "proxy/http/server.h"
#include "proxy/loop/loop.h"

namespace entrepot::http {

/// A running server whose handler is a function. It records every finished() and refused().
class ServerUnderTest : public Handler {
 public:
  using Handle = std::function<void(const ExchangePtr&)>;

  /// Starts it on a free port of 127.0.0.1, on `loops` loops.
  explicit ServerUnderTest(Handle handle, ServerOptions options = {}, std::size_t loops = 1);
  ~ServerUnderTest() override;

  void handle(const ExchangePtr& exchange) override;
  void finished(const Exchange& exchange, const ReplyStats& stats) override;
  std::string refused(int status, std::string_view reason, const Peer& peer) override;
  void forwarding_failed(metrics::Forwarding reason, const Peer& proxy) override;

  std::uint16_t port() const { return server_->port(); }
  Server& server() { return *server_; }
  loop::Loop& loop() { return *loops_.front(); }
  /// Runs `job` on the first loop and waits for it.
  void on_loop(const loop::Job& job);
  /// Waits until handle() has been called `n` times. This and the other waits fail after 20
  /// seconds.
  void wait_handled(std::size_t n);
  /// Waits until finished() has been called `n` times, and returns the statistics of all calls.
  std::vector<ReplyStats> wait_finished(std::size_t n);
  /// Waits until at least `n` connections are open.
  void wait_connections(std::size_t n);
  /// Waits until no connection is left.
  void wait_idle();
  std::vector<int> refusals();
  std::size_t handled();
  /// Waits until forwarding_failed() has been called `n` times, and returns the reasons.
  std::vector<metrics::Forwarding> wait_not_forwarded(std::size_t n);
  /// Destroys the server while its loops run.
  void destroy();

 private:
  template <typename Holds>
  void wait(Holds holds, const char* what);

  const Handle handle_;
  std::vector<std::unique_ptr<loop::Loop>> loops_;
  std::unique_ptr<Server> server_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t handled_ = 0;                         // guarded by mutex_
  std::vector<ReplyStats> finished_;                // guarded by mutex_
  std::vector<int> refused_;                        // guarded by mutex_
  std::vector<metrics::Forwarding> not_forwarded_;  // guarded by mutex_
};

/// Counters of a server that are all `counted`; a test replaces the one that it looks at.
ClientCounters one_counter(std::atomic<std::uint64_t>& counted);
/// A request for `path`, with "Name: value\r\n" lines.
std::string get(const std::string& path, const std::string& fields = "",
                const std::string& method = "GET");
/// Replies 200 with the request's path as the body.
void echo_path(const ExchangePtr& exchange);

}  // namespace entrepot::http
