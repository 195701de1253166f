// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
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
#include "proxy/app/reload.h"
#include "proxy/app/threads.h"
#include "proxy/http/client/client_shares.h"
#include "proxy/http/server.h"
#include "proxy/loop/file_watch.h"
#include "proxy/registry/admission/logins.h"
#include "proxy/registry/guard.h"
#include "proxy/registry/registry.h"

namespace entrepot::app {

/// The listeners for clients: one http::Server with its registry::Guard for each configured
/// address, on all serve loops. Constructed and destroyed on the main thread, as http::Server says.
class ClientListeners {
 public:
  /// Takes over the `inherited` sockets of its addresses and binds the others. `threads`,
  /// `registry`, `logins` and `metrics` outlive this. Throws http::ListenError, and
  /// conf::ConfigError for a certificate or a file of logins that cannot be used.
  ClientListeners(const conf::Config& config, InheritedSockets& inherited, Threads& threads,
                  registry::Registry& registry, registry::Logins& logins,
                  const metrics::Metrics& metrics);
  ClientListeners(const ClientListeners&) = delete;
  ClientListeners& operator=(const ClientListeners&) = delete;

  /// Begins to accept. Any thread.
  void start();
  /// Closes the listeners and each connection at the end of its reply; then calls `drained` on the
  /// control loop, which may be after this object is destroyed. Control loop only, once.
  void drain(http::Next next, const std::function<void()>& drained);
  /// Closes all connections now. Control loop only.
  void close();
  /// The listening sockets by configured address, open until drain(). Control loop only.
  std::vector<Handover::Listener> sockets() const;

  /// Reads the certificates, logins and rules of `next` for the listeners that it shares with the
  /// running ones. Throws conf::ConfigError. Control loop only.
  PreparedListeners prepare(const conf::Config& next);

  /// Reads the files again and uses them if they have changed. Bad ones are logged, and all of the
  /// earlier ones stay. Control loop only.
  void read_again();
  /// Calls read_again() when a file of the present configuration changes, until drain(). Again
  /// after each change of the configuration. Control loop only, once it runs.
  void watch_files();

  /// Begins to fetch the keys of issuers with discovery (IssuerKeys::start()). Control loop only.
  void begin_fetching(std::function<void()> fetched = {}) {
    issuer_keys_.start(std::move(fetched));
  }
  /// Ends it. Control loop only, before the destructor.
  void end_fetching() { issuer_keys_.stop(); }

  /// Open connections of all listeners. Any thread.
  std::size_t connections() const;
  /// "address:port" of each listener, with the port it is bound to; "https://address:port" with
  /// TLS; "unix:/path".
  const std::vector<std::string>& addresses() const { return addresses_; }

 private:
  /// The listener of `next` with the address of this one; nullopt: there is none, or it differs in
  /// what needs a restart.
  std::optional<std::size_t> successor(std::size_t index, const conf::Config& next) const;
  http::ServerOptions options(std::size_t index, const conf::Config& config,
                              InheritedSockets& inherited, Threads& threads,
                              const metrics::Metrics& metrics);
  /// Begins to use `settings`, which are those of `config`; both have all running listeners.
  void use(const ListenerSettings& settings, const conf::Config& config);
  /// The files of all certificates, keys and logins.
  std::vector<std::filesystem::path> files() const;
  /// Logs the certificates of one listener.
  void tell(std::size_t index) const;

  loop::Loop& control_;
  const metrics::TlsMetrics metrics_;
  http::ClientShares shares_;  // of all listeners
  IssuerKeys issuer_keys_;
  // Main thread before the loops run, then control loop only.
  ListenerTickets tickets_;
  ListenerSettings settings_;  // in use
  conf::Config current_;       // of the settings, without passwords
  std::vector<std::unique_ptr<registry::Guard>> guards_;
  std::vector<std::unique_ptr<http::Server>> servers_;
  std::vector<std::string> addresses_;
  std::unique_ptr<loop::FileWatch> file_watch_;  // null without files, and after drain()
};

/// `address` ("host:port") with another port; unchanged for port 0, that of a unix socket. Pure.
std::string with_port(const std::string& address, std::uint16_t port);

}  // namespace entrepot::app
