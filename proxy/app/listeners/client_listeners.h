// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "conf/config.h"
#include "metrics/metrics.h"
#include "proxy/app/command/listener_settings.h"
#include "proxy/app/handover/handover.h"
#include "proxy/app/handover/inherited_sockets.h"
#include "proxy/app/issuer_keys/issuer_keys.h"
#include "proxy/app/listeners/client_listener.h"
#include "proxy/app/listeners/listener_plan.h"
#include "proxy/app/listeners/prepared_listeners.h"
#include "proxy/app/listeners/retired_listeners.h"
#include "proxy/http/client/client_shares.h"
#include "proxy/http/next.h"
#include "proxy/loop/file_watch.h"

namespace entrepot::app {

/// The listeners for clients: one for each configured address, and those that drain because a
/// reload has removed or replaced them. Constructed and destroyed on the main thread, as
/// RetiredListeners says.
class ClientListeners {
 public:
  /// Takes over the `inherited` sockets of its addresses and binds the others. Throws
  /// http::ListenError, and conf::ConfigError for a certificate or a file of logins that cannot be
  /// used.
  ClientListeners(const conf::Config& config, InheritedSockets& inherited, ListenerParts parts);
  ClientListeners(const ClientListeners&) = delete;
  ClientListeners& operator=(const ClientListeners&) = delete;

  /// Begins to accept. Control loop only, once.
  void start();
  /// Closes the listeners and each connection at the end of its reply; then calls `drained` on the
  /// control loop, which may be after this object is destroyed. Control loop only, once; no other
  /// use afterwards but close() and connections().
  void drain(http::Next next, std::function<void()> drained);
  /// `timeouts.drain` of the present configuration. Control loop only, once it runs.
  std::chrono::milliseconds drain_time() const { return current_.timeouts.drain; }
  /// Closes all connections now. Control loop only, after drain().
  void close();
  /// The listening sockets by configured address, open until drain(). Control loop only.
  std::vector<Handover::Listener> sockets() const;

  /// Binds the addresses of `next` on which no listener listens, without a client on them, and
  /// reads the files of all. Nothing changes before PreparedListeners::use(), which is called
  /// before another prepare() or never. Throws conf::ConfigError and http::ListenError. Control
  /// loop only.
  PreparedListeners prepare(const conf::Config& next);

  /// Reads the files again and uses them if they have changed. Bad ones are logged, and all of the
  /// earlier ones stay. Control loop only.
  void read_again();
  /// Calls read_again() when a file of the present configuration changes, until drain(). Again
  /// after each change of the configuration. Control loop only, once it runs.
  void watch_files();

  /// The settings of the admin listener; nullopt if there is none. They are read and replaced with
  /// those of the listeners for clients, all or none of them: ListenerParts::use_for_admin gets
  /// later ones. Main thread before the loops run, then control loop only.
  const std::optional<AdminSettings>& admin() const { return settings_.admin; }

  /// Begins to fetch the keys of issuers with discovery (IssuerKeys::start()). Control loop only.
  void begin_fetching(std::function<void()> fetched = {}) {
    issuer_keys_.start(std::move(fetched));
  }
  /// Ends it. Control loop only, before the destructor.
  void end_fetching() { issuer_keys_.stop(); }

  /// Open connections of all listeners. Control loop only, once it runs.
  std::size_t connections() const;
  /// "address:port" of each configured listener, with the port it is bound to;
  /// "https://address:port" with TLS; "unix:/path". Control loop only, once it runs.
  const std::vector<std::string>& addresses() const { return addresses_; }

 private:
  using Made = std::vector<std::unique_ptr<ClientListener>>;

  /// A listener of `config`. `sockets`: that it takes over.
  std::unique_ptr<ClientListener> make(const conf::Config& config, std::size_t index,
                                       const ListenerSettings& settings, std::vector<int> sockets,
                                       http::Neighbours neighbours);
  /// The new listeners of `plan` by their index in `config`; null: the present one is kept.
  Made make_new(const ListenerPlan& plan, const conf::Config& config,
                const ListenerSettings& settings);
  /// Whether a listener that goes may have sockets on this address.
  http::Neighbours neighbours(const std::string& address, const ListenerPlan& plan) const;
  /// The names of the listeners that change by `plan`.
  PreparedListeners changes(const ListenerPlan& plan, const conf::Config& config,
                            const ListenerSettings& settings, const Made& made) const;
  /// Begins to use `settings` and `config`, and `made` instead of the listeners that go. Throws
  /// http::ListenError, before anything has changed.
  void use(const ListenerPlan& plan, const conf::Config& config, const ListenerSettings& settings,
           Made made);
  /// Sets the metrics and names of the present listeners.
  void publish();
  /// Logs the certificates of one listener.
  void tell(std::size_t index) const;
  /// Adds the differences of the admin listener.
  void add_admin_changes(const ListenerSettings& settings, PreparedListeners& changes) const;

  const ListenerParts parts_;
  const metrics::TlsMetrics metrics_;
  const bool managed_;         // InheritedSockets::managed()
  http::ClientShares shares_;  // of all listeners
  IssuerKeys issuer_keys_;
  // Main thread before the loops run, then control loop only.
  ListenerTickets tickets_;
  ListenerSettings settings_;  // in use
  conf::Config current_;       // of the settings, without passwords
  bool started_ = false;
  Made listeners_;  // in the order of the configuration
  std::vector<std::string> addresses_;
  RetiredListeners retired_;
  std::unique_ptr<loop::FileWatch> file_watch_;  // null without files, and after drain()
};

}  // namespace entrepot::app
