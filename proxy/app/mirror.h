// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cache/base/clock.h"
#include "cache/cache.h"
#include "conf/config.h"
#include "conf/load.h"
#include "metrics/metrics.h"
#include "metrics/phase_variable.h"
#include "proxy/admission/logins.h"
#include "proxy/app/admin_api.h"
#include "proxy/app/endpoint_memory.h"
#include "proxy/app/fetch_sources.h"
#include "proxy/app/handover/handover.h"
#include "proxy/app/handover/inherited_sockets.h"
#include "proxy/app/listeners/client_listeners.h"
#include "proxy/app/loop_lag.h"
#include "proxy/app/notifier.h"
#include "proxy/app/phase.h"
#include "proxy/app/reload.h"
#include "proxy/app/threads.h"
#include "proxy/app/watchdog.h"
#include "proxy/loop/signals.h"
#include "proxy/registry/registry.h"

namespace entrepot::app {

/// The lifecycle of a running mirror: assembles its parts from a configuration, serves, drains and
/// takes them down. Its phases are drawn in phase.h.
///
/// Constructed, run and destroyed on the main thread.
class Mirror {
 public:
  /// Binds the addresses and opens the cache directory; sends nothing over the network. `config`
  /// (its passwords are used here only) and `metrics` outlive this. Throws cache::OpenError,
  /// http::ListenError, std::runtime_error for an upstream or a CA file that cannot be used,
  /// std::system_error for threads that cannot be created.
  /// `load` reads the configuration again on SIGHUP (see Reload). `notify` names the service
  /// manager that is notified. `inherited`: the listening sockets of the process before.
  Mirror(const conf::Config& config, const metrics::Metrics& metrics,
         std::function<conf::Loaded()> load = {}, NotifierOptions notify = {},
         InheritedSockets inherited = {});
  ~Mirror();
  Mirror(const Mirror&) = delete;
  Mirror& operator=(const Mirror&) = delete;

  /// Serves until it has drained. True: this process can no longer write its index, another should
  /// take its place. `accepting` is called when the listeners accept; with it, they do so only when
  /// the keys of issuers have been fetched, or cannot be. Once.
  bool run(const std::function<void()>& accepting = {});

  /// Begins to drain; a second call closes the connections that are left. Any thread.
  void drain();

  /// As ClientListeners::addresses(). REQUIRES, while run() runs: no reload.
  const std::vector<std::string>& addresses() const { return listeners_->addresses(); }
  /// The same of the admin listener; empty without one.
  const std::string& admin_address() const { return admin_.address(); }

 private:
  Mirror(const conf::Config& config, const metrics::Metrics& metrics,
         std::function<conf::Loaded()> load, NotifierOptions notify, const std::string& id);

  void assemble(const metrics::Metrics& metrics, InheritedSockets& inherited);
  void take_down();
  std::string status() const;
  /// True from the first signal or drain() on.
  bool stopping() const { return !phase_.is(Phase::made) && !phase_.is(Phase::serving); }

  // Control loop only, once it runs.
  void serve();
  void start_watchdog();
  Handover::Service handed_service();
  std::vector<Handover::Listener> listeners() const;
  /// The cache belongs, or is going, to another process.
  bool gave_up() const { return handover_ && handover_->gave_up(); }
  std::string_view unready() const;
  void on_signal(int signal);
  void reload();
  void restart();
  void begin_drain();
  void drain_listeners(Phase phase);
  /// Leaves the phase draining. `reason`: why open connections are closed first; empty: none is
  /// left.
  void end_flights(std::string_view reason);

  const conf::Config& config_;
  const cache::SystemClock clock_;
  std::promise<void> stopped_;

  // Control loop only, once it runs.
  PhaseVariable<Phase> phase_{Phase::made};
  bool restart_ = false;  // the result of run()
  std::unique_ptr<loop::Loop::Timer> drain_timer_;

  // Each part uses parts above it and is destroyed before them. take_down() ends the threads first.
  // registry_ and admin_ refer to the cache below them and use it between assemble() and
  // take_down() only; what the cache holds of unfinished answers refers to them.
  Threads threads_;
  LoopLag loop_lag_;
  FetchSources sources_;
  EndpointMemory memory_;
  registry::Registry registry_;
  admission::Logins logins_;
  AdminApi admin_;
  loop::Signals signals_;
  Notifier notifier_;
  std::unique_ptr<Watchdog> watchdog_;
  cache::Cache cache_;
  Reload reload_;
  std::unique_ptr<ClientListeners> listeners_;
  std::unique_ptr<Handover> handover_;
};

}  // namespace entrepot::app
