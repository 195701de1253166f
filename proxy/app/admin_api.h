// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cache/cache.h"
#include "conf/config.h"
#include "metrics/metrics.h"
#include "proxy/admin/admin_guard.h"
#include "proxy/admin/admin_handler.h"
#include "proxy/admission/logins.h"
#include "proxy/app/command/admin_settings.h"
#include "proxy/app/deny/denial_pattern.h"
#include "proxy/app/deny/denial_store.h"
#include "proxy/app/fetch_sources.h"
#include "proxy/app/handover/handover.h"
#include "proxy/app/handover/inherited_sockets.h"
#include "proxy/app/status/hour_figures.h"
#include "proxy/app/threads.h"
#include "proxy/http/server.h"
#include "proxy/registry/usage/usage.h"

namespace entrepot::app {

/// The admin listener of a running mirror: the answers of /api/v1, and the gauges that nobody else
/// keeps up to date. Answers that may block run on the admin pool, all others on the control loop.
/// Constructed and destroyed on the main thread.
class AdminApi {
 public:
  struct State {
    /// Why clients should not be sent here now; empty if they may be.
    std::function<std::string_view()> unready;
    /// Why the changed configuration is not used; empty if it is.
    std::function<std::string()> refused_configuration;
    /// The cache belongs to another process, so nothing of it can be changed.
    std::function<bool()> read_only;
    /// Open connections of clients.
    std::function<std::size_t()> connections;
    /// The addresses of the listeners for clients.
    std::function<std::vector<std::string>()> listeners;
    /// The configured upstreams.
    std::function<std::vector<DenialUpstream>()> upstreams;
    /// Refuses these repositories from now on; by one thread at a time.
    std::function<void(std::shared_ptr<const access::Denials>)> deny;
    /// Registry::usage(). Blocks.
    std::function<std::optional<registry::Usage::Report>(registry::UsageBy by, std::int64_t hours)>
        usage;
    /// The answer of /api/v1/restart-keys. Called on the admin pool.
    std::function<std::string()> restart_state;
  };

  /// Binds nothing yet. The functions of `state` are called on the control loop, from listen() and
  /// start() on. `cache` is used from then on, too; it must be destroyed before this, since
  /// unfinished answers in it may refer to the handler. `threads`, `sources` and `metrics`
  /// outlive this.
  AdminApi(State state, Threads& threads, FetchSources& sources, cache::Cache& cache,
           const metrics::Metrics& metrics);
  AdminApi(const AdminApi&) = delete;
  AdminApi& operator=(const AdminApi&) = delete;

  /// Reads the denials of the cache directory, and puts them in force. Blocks; main thread, once,
  /// before listen(). REQUIRES: this process has the directory.
  void open_denials(const std::filesystem::path& file);
  /// Takes over the `inherited` socket of the admin address or binds it, if one is configured.
  /// `settings`: of it. Throws http::ListenError.
  void listen(const conf::Config& config, InheritedSockets& inherited,
              const std::optional<AdminSettings>& settings);
  /// Decides about requests by `settings` from now on, and uses its certificates and the timeouts
  /// of `config` for new connections. Control loop only. REQUIRES: listen(), and TLS as before.
  void use(const AdminSettings& settings, const conf::Config& config);
  /// The logins of its clients, apart from those of the other listeners.
  admission::Logins& logins() { return logins_; }
  /// Keeps the figures of the last hour. Control loop only, at least once a minute.
  void note_figures();
  /// Begins to accept. Any thread.
  void start();
  /// The listening socket, for another process; open until drain() or end(). Empty without a
  /// listener. Control loop only.
  std::vector<Handover::Listener> sockets() const;
  /// Another process listens on the socket: accepts no more connections. Control loop only.
  void drain();
  /// Closes the listener and its connections. Main thread, before Threads::end_loops(); does
  /// nothing without a listener.
  void end();

  /// "address:port" or "unix:/path" of the listener, "https://address:port" with TLS; empty without
  /// one.
  const std::string& address() const { return address_; }

 private:
  admin::Options handler_options();
  /// Each of these is called on the control loop; what they return runs on the admin pool.
  admin::ApiWork work_for(const admin::ApiRequest& request);
  admin::ApiWork upstreams();
  admin::ApiWork status();
  admin::ApiWork deny(const admin::ApiRequest& request);
  admin::ApiWork usage(std::string_view query);
  bool run_on_admin_pool(std::function<void()> job);
  void update_gauges() const;

  const State state_;
  Threads& threads_;
  FetchSources& sources_;
  cache::Cache& cache_;
  const metrics::Metrics& metrics_;
  admission::Logins logins_;
  admin::AdminHandler handler_;
  admin::AdminGuard guard_;
  std::unique_ptr<DenialStore> denials_;  // from open_denials() on
  const cache::SteadyTime started_at_ = std::chrono::steady_clock::now();
  HourFigures hour_{started_at_};  // control loop only
  std::unique_ptr<http::Server> server_;
  std::string configured_;  // the address before a port was chosen
  std::string address_;
};

}  // namespace entrepot::app
