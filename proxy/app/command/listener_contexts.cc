// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/command/listener_contexts.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "conf/json/problems.h"
#include "proxy/http/tls/pem.h"

namespace entrepot::app {
namespace {

using http::tls::ClientCa;
using http::tls::Context;
using http::tls::Identity;
using http::tls::IdentityFaults;
using http::tls::IdentityPart;

std::string path_of(const std::string& entry, IdentityPart part) {
  return entry + (part == IdentityPart::key ? ".key" : ".certificate");
}

/// Null without client_ca, and after a problem.
std::unique_ptr<const ClientCa> load_client_ca(const conf::ListenerTls& tls,
                                               const std::string& path, conf::Problems& problems) {
  if (!tls.client_ca) return nullptr;
  const auto demand = tls.client_required ? ClientCa::Demand::required : ClientCa::Demand::optional;
  try {
    auto loaded = std::make_unique<const ClientCa>(*tls.client_ca, demand);
    for (const auto& warning : loaded->warnings()) problems.warn(path, warning);
    return loaded;
  } catch (const http::tls::PemError& error) {
    problems.error(path, error.what());
    return nullptr;
  }
}

/// `path`: of the listener. Null after a problem.
std::shared_ptr<const Context> load_context(const conf::ListenerTls& tls, const std::string& path,
                                            std::shared_ptr<http::tls::TicketKeys>& tickets,
                                            conf::Problems& problems) {
  if (tickets == nullptr) tickets = std::make_shared<http::tls::TicketKeys>();
  const std::string list = path + ".tls.certificates";
  const auto errors = problems.errors.size();
  std::vector<Identity> identities;
  for (std::size_t i = 0; i < tls.certificates.size(); ++i) {
    const auto& [certificate, key] = tls.certificates[i];
    IdentityFaults faults;
    identities.push_back(http::tls::load_identity({.certificate = certificate, .key = key},
                                                  std::chrono::system_clock::now(), faults));
    for (const auto& [part, text] : faults.errors)
      problems.error(path_of(conf::indexed(list, i), part), text);
    for (const auto& [part, text] : faults.warnings)
      problems.warn(path_of(conf::indexed(list, i), part), text);
  }
  auto client_ca = load_client_ca(tls, path + ".tls.client_ca", problems);
  if (problems.errors.size() > errors) return nullptr;
  try {
    return std::make_shared<const Context>(std::move(identities), tickets, std::move(client_ca));
  } catch (const http::tls::ContextError& error) {
    problems.error(path_of(conf::indexed(list, error.identity()), IdentityPart::certificate),
                   error.what());
    return nullptr;
  }
}

}  // namespace

ListenerContexts load_contexts(const conf::Config& config, ListenerTickets& tickets,
                               conf::Problems& problems) {
  ListenerContexts contexts;
  for (std::size_t i = 0; i < config.listen.size(); ++i) {
    const conf::Listener& listener = config.listen[i];
    std::shared_ptr<const Context> context;
    if (listener.tls)
      context = load_context(*listener.tls, conf::indexed("listen", i), tickets[listener.address],
                             problems);
    contexts.push_back(std::move(context));
  }
  return contexts;
}

std::shared_ptr<const Context> load_admin_context(const conf::Config& config,
                                                  ListenerTickets& tickets,
                                                  conf::Problems& problems) {
  if (!config.admin || !config.admin->listener.tls) return nullptr;
  const conf::Listener& listener = config.admin->listener;
  return load_context(*listener.tls, "admin", tickets["admin " + listener.address], problems);
}

bool same_certificates(const Context& one, const Context& other) {
  const auto same_chain = [](const Identity& a, const Identity& b) {
    return std::equal(a.chain.begin(), a.chain.end(), b.chain.begin(), b.chain.end(),
                      [](const auto& x, const auto& y) { return X509_cmp(x.get(), y.get()) == 0; });
  };
  const auto* const ca = one.client_ca();
  const auto* const other_ca = other.client_ca();
  if ((ca == nullptr) != (other_ca == nullptr) || (ca != nullptr && !(*ca == *other_ca)))
    return false;
  return std::equal(one.identities().begin(), one.identities().end(), other.identities().begin(),
                    other.identities().end(), same_chain);
}

metrics::TlsMetrics::CertificateEnds certificate_ends(const ListenerContexts& contexts) {
  metrics::TlsMetrics::CertificateEnds ends;
  for (const auto& context : contexts) {
    if (context == nullptr) continue;
    for (const Identity& identity : context->identities())
      ends[identity.files.certificate.string()] = identity.end;
  }
  return ends;
}

}  // namespace entrepot::app
