// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cache/base/clock.h"
#include "cache/cache.h"
#include "conf/config.h"
#include "conf/load.h"
#include "metrics/metrics.h"
#include "proxy/admin/admin_handler.h"
#include "proxy/app/loop_lag.h"
#include "proxy/app/notifier.h"
#include "proxy/app/watchdog.h"
#include "proxy/http/server.h"
#include "proxy/loop/loop.h"
#include "proxy/loop/signals.h"
#include "proxy/loop/store_pool.h"
#include "proxy/registry/registry.h"
#include "proxy/upstream/upstream_source.h"

namespace entrepot::app {

/// The running mirror: all its threads and what lives on them, put together from a configuration
/// and taken apart in reverse.
///
///   made ──run()──► serving ──SIGTERM, SIGINT, drain()──► draining ──► stopped (run() returns)
///
/// Draining: /readyz turns 503, the listeners close, replies in progress have timeouts.drain to
/// end; a second signal ends them at once. Then the flights end, then the threads.
/// Made, run and destroyed on the main thread.
class Mirror {
 public:
  /// Takes the addresses and the cache directory; touches no network. `config` (its passwords are
  /// used here only) and `metrics` outlive it. Throws what the parts throw:
  /// cache::OpenError, http::ListenError, std::runtime_error for an upstream or a CA file that
  /// cannot be used, std::system_error for threads that cannot be made.
  /// `load` reads the configuration anew (SIGHUP) and throws ConfigError where it cannot be used;
  /// control loop. `notify`: who is told that it serves, reads anew, lives and stops.
  Mirror(const conf::Config& config, const metrics::Metrics& metrics,
         std::function<conf::Loaded()> load = {}, NotifierOptions notify = {});
  ~Mirror();
  Mirror(const Mirror&) = delete;
  Mirror& operator=(const Mirror&) = delete;

  /// Serves until it has drained. True: another process should take its place, because this one
  /// can no longer write its index.
  bool run();

  /// Begins to drain; a second call cuts what is still in progress. Any thread.
  void drain();

  /// "address:port" of each listener, with the ports really taken.
  const std::vector<std::string>& addresses() const { return addresses_; }
  /// The same of the admin listener; empty without one.
  const std::string& admin_address() const { return admin_address_; }

 private:
  using Loops = std::vector<std::unique_ptr<loop::Loop>>;
  using Sources = std::vector<std::unique_ptr<upstream::UpstreamSource>>;

  /// Ends the threads before anything they use goes, also when a later part cannot be made.
  struct ThreadsEnd {
    explicit ThreadsEnd(Mirror& mirror_in) : mirror(mirror_in) {}
    ~ThreadsEnd() { mirror.end_threads(); }
    Mirror& mirror;
  };

  static Loops make_loops(const std::string& name, int count);
  Sources make_sources();
  upstream::Options upstream_options(const conf::Config& config);
  std::vector<cache::Cache::HomeParts> homes() const;
  registry::Options registry_options() const;
  void listen();
  std::string status() const;
  void watch();
  admin::ApiAnswer answer_api(http::Method method, std::string_view path, std::string_view query);
  /// Posts to each fetch loop; null where one has not answered in time. Blocks.
  std::optional<upstream::Reports> reports_of_loops();
  std::filesystem::path memory_file() const;
  void remember_endpoints();
  std::string_view unready() const;
  std::size_t connections() const;
  void bring_gauges_up_to_date() const;
  void watch_loops();
  void end_threads();

  // Control loop only.
  void on_signal(int signal);
  /// False: the configuration before stays.
  bool reload();
  /// Throws where what it names cannot be used; then nothing has changed.
  void change_to(const conf::Config& next);
  void drain_in_loop();
  /// `cut_because`: why connections are cut first; empty when there are none.
  void end_flights(std::string_view cut_because);

  const std::string id_;  ///< registry::Options::id
  const conf::Config& config_;
  const std::function<conf::Loaded()> load_;
  const metrics::Metrics& metrics_;
  const cache::SystemClock clock_;

  // Control loop only, once it runs.
  bool draining_ = false;
  bool stopping_ = false;
  bool restart_ = false;
  conf::Config current_;  // after SIGHUP another than config_; without passwords
  std::size_t left_to_drain_ = 0;
  std::unique_ptr<loop::Loop::Timer> drain_timer_;
  std::unique_ptr<loop::Loop::Timer> memory_timer_;

  std::atomic<bool> ready_{false};
  std::atomic<bool> ending_{false};  ///< loops end: nobody waits for them
  std::promise<void> stopped_;

  // In the order of use, destroyed in reverse: servers, threads, then what the threads use. The
  // handlers come before the cache, because what it still holds of answers at the end refers to
  // them.
  loop::Loop control_{"control"};  // signals, draining, admin listener
  Loops serve_;
  Loops fetch_;
  LoopLag loop_lag_{control_, metrics_};
  loop::StorePool pool_;
  loop::StorePool admin_pool_;  // its jobs wait for those of the other
  Sources sources_;
  registry::Registry registry_;
  admin::AdminHandler admin_handler_;
  loop::Signals signals_;
  Notifier notifier_;
  std::unique_ptr<Watchdog> watchdog_;
  cache::Cache cache_;
  ThreadsEnd threads_end_{*this};
  std::vector<std::unique_ptr<http::Server>> servers_;
  std::unique_ptr<http::Server> admin_server_;

  std::vector<std::string> addresses_;
  std::string admin_address_;
};

}  // namespace entrepot::app
