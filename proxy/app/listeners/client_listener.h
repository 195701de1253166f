// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "conf/config.h"
#include "metrics/metrics.h"
#include "proxy/admission/logins.h"
#include "proxy/app/command/admin_settings.h"
#include "proxy/http/server.h"
#include "proxy/http/tls/context.h"
#include "proxy/loop/loop.h"
#include "proxy/loop/store_pool.h"
#include "proxy/registry/guard.h"
#include "proxy/registry/registry.h"

namespace entrepot::app {

/// The parts of the process that all listeners use; they outlive the listeners.
struct ListenerParts {
  loop::Loop& control;
  std::vector<loop::Loop*> loops;  ///< of the connections
  loop::StorePool& readers;        ///< http::ServerOptions::readers
  loop::StorePool& keys;           ///< fetches the keys of issuers of JWTs
  registry::Registry& registry;
  admission::Logins& logins;
  admission::Logins& operators;  ///< the logins of the admin listener
  const metrics::Metrics& metrics;
  /// Uses other settings, and the timeouts of another configuration, for the admin listener. Called
  /// on the control loop.
  std::function<void(const AdminSettings&, const conf::Config&)> use_for_admin;
};

/// One listener for clients: an http::Server on one address, and the registry::Guard that decides
/// about its requests. Made, used and destroyed on the control loop, or on the main thread while
/// the control loop does not use it: the destructor waits for the serve loops.
class ClientListener {
 public:
  using Context = std::shared_ptr<const http::tls::Context>;
  using Rules = std::shared_ptr<const admission::ListenerRules>;
  using Proxies = std::shared_ptr<const http::TrustedProxies>;

  /// Binds the address, unless the options have sockets of it. Throws http::ListenError.
  ClientListener(const ListenerParts& parts, http::ServerOptions options, const Rules& rules);
  ClientListener(const ClientListener&) = delete;
  ClientListener& operator=(const ClientListener&) = delete;

  /// As http::Server::listen().
  void listen() { server_.listen(); }
  /// Begins to accept.
  void start() { server_.start(); }
  /// Decides about requests by `rules` from now on, uses `context` for new connections, and trusts
  /// `proxies` (http::Server::trust()). REQUIRES: TLS as before.
  void use(const Rules& rules, const Context& context, const Proxies& proxies);
  /// As http::Server::bound().
  void bound(const http::ServerOptions& next) { server_.bound(next); }
  /// Gives the file of a unix socket other permissions; the log says if that fails. Does nothing on
  /// a port.
  void set_mode(unsigned mode) const;
  /// As http::Server::drain().
  void drain(http::Next next, const std::function<void()>& drained) {
    server_.drain(next, drained);
  }
  /// As http::Server::close().
  void close() { server_.close(); }

  /// "address:port" with the port that it is bound to; "unix:/path".
  const std::string& address() const { return address_; }
  /// The same, with "https://" before it if it speaks TLS: for operators.
  const std::string& name() const { return name_; }
  bool has_tls() const { return has_tls_; }
  const std::vector<int>& sockets() const { return server_.sockets(); }
  bool holds_address() const { return server_.holds_address(); }
  std::size_t connections() const { return server_.connections(); }

 private:
  const bool has_tls_;
  const std::string configured_;
  registry::Guard guard_;
  http::Server server_;
  const std::string address_;
  const std::string name_;
};

/// Logs the certificates of the listener `name`, if it has TLS.
void log_certificates(const std::string& name, const http::tls::Context* context);

/// `address` ("host:port") with another port; unchanged for port 0, that of a unix socket. Pure.
std::string with_port(const std::string& address, std::uint16_t port);

}  // namespace entrepot::app
