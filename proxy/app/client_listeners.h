// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "conf/config.h"
#include "metrics/metrics.h"
#include "proxy/app/command/listener_contexts.h"
#include "proxy/app/reload.h"
#include "proxy/app/threads.h"
#include "proxy/http/server.h"

namespace entrepot::app {

/// The listeners for clients: one http::Server for each configured address, on all serve loops.
/// Constructed and destroyed on the main thread, as http::Server says.
class ClientListeners {
 public:
  /// Binds the addresses. `threads` and `handler` outlive this. Throws http::ListenError,
  /// and conf::ConfigError for a certificate that cannot be used.
  ClientListeners(const conf::Config& config, Threads& threads, http::Handler& handler,
                  const metrics::Metrics& metrics);
  ClientListeners(const ClientListeners&) = delete;
  ClientListeners& operator=(const ClientListeners&) = delete;

  /// Begins to accept. Any thread.
  void start();
  /// Closes the listeners and each connection at the end of its reply; then calls `drained` on the
  /// control loop, which may be after this object is destroyed. Control loop only, once.
  void drain(const std::function<void()>& drained);
  /// Closes all connections now. Control loop only.
  void close();

  /// Reads the certificates of `next` for the listeners that it shares with the running ones.
  /// Throws conf::ConfigError. Control loop only.
  PreparedListeners prepare(const conf::Config& next);

  /// Reads the certificates again and uses them if they have changed. Bad ones are logged, and all
  /// of the earlier ones stay. Control loop only.
  void read_again();
  /// The files of all certificates and keys. Control loop only, once it runs.
  std::vector<std::filesystem::path> files() const;

  /// Open connections of all listeners. Any thread.
  std::size_t connections() const;
  /// "address:port" of each listener, with the port it is bound to; "https://address:port" with
  /// TLS.
  const std::vector<std::string>& addresses() const { return addresses_; }

 private:
  using Contexts = std::vector<std::shared_ptr<const http::tls::Context>>;

  /// Begins to use `contexts` and the files of `listen`, one for each listener.
  void use(const Contexts& contexts, const std::vector<conf::Listener>& listen);
  /// Logs the certificates of one listener.
  void tell(std::size_t index) const;

  loop::Loop& control_;
  const metrics::TlsMetrics metrics_;
  // Main thread before the loops run, then control loop only.
  ListenerTickets tickets_;
  Contexts contexts_;     // null: plain HTTP
  conf::Config current_;  // `listen` alone, with the files in use
  std::vector<std::unique_ptr<http::Server>> servers_;
  std::vector<std::string> addresses_;
};

/// `address` ("host:port") with another port. Pure.
std::string with_port(const std::string& address, std::uint16_t port);

}  // namespace entrepot::app
