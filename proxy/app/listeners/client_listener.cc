// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/listeners/client_listener.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "metrics/log.h"
#include "proxy/http/listen/unix_socket.h"

namespace entrepot::app {

std::string with_port(const std::string& address, std::uint16_t port) {
  if (port == 0) return address;  // of a unix socket
  return address.substr(0, address.rfind(':') + 1) + std::to_string(port);
}

void log_certificates(const std::string& name, const http::tls::Context* context) {
  if (context == nullptr) return;
  for (const auto& identity : context->identities())
    log::info("{}: certificate {} for {}", name, identity.files.certificate.string(),
              http::tls::describe(identity));
  if (const auto* ca = context->client_ca())
    log::info("{}: client certificates of {} are {}", name, ca->file().string(),
              ca->required() ? "required" : "accepted");
}

ClientListener::ClientListener(const ListenerParts& parts, http::ServerOptions options,
                               const Rules& rules)
    : has_tls_(options.tls != nullptr),
      configured_(options.address),
      guard_(parts.registry, parts.logins, parts.metrics, rules, parts.loops),
      server_(std::move(options), parts.loops, guard_),
      address_(with_port(configured_, server_.port())),
      name_((has_tls_ ? "https://" : "") + address_) {}

void ClientListener::use(const Rules& rules, const Context& context, const Proxies& proxies) {
  guard_.replace(rules);
  server_.trust(proxies);
  if (has_tls_) server_.renew(context);
}

void ClientListener::set_mode(unsigned mode) const {
  const auto path = http::socket_path(configured_);
  if (!path) return;
  std::error_code error;
  std::filesystem::permissions(*path, static_cast<std::filesystem::perms>(mode), error);
  if (error)
    log::error("{}: cannot change the permissions: {}; restart this process to make it anew",
               address_, error.message());
}

}  // namespace entrepot::app
