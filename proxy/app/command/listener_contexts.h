// SPDX-License-Identifier: Apache-2.0
// The TLS settings of the configured listeners, from their certificates and keys.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "conf/config.h"
#include "conf/json/problems.h"
#include "metrics/metrics.h"
#include "proxy/http/tls/context.h"

namespace entrepot::app {

/// The keys for session tickets of each listener with TLS, by its address; that of the admin
/// listener begins with "admin ". They outlive a reload, so that clients can resume their sessions
/// after it.
using ListenerTickets = std::map<std::string, std::shared_ptr<http::tls::TicketKeys>>;

/// In the order of `listen`; null for a listener without TLS.
using ListenerContexts = std::vector<std::shared_ptr<const http::tls::Context>>;

/// Reads the certificates and keys. Adds the keys for tickets that are missing in `tickets`. After
/// a problem, the contexts are of no use. Blocking.
ListenerContexts load_contexts(const conf::Config& config, ListenerTickets& tickets,
                               conf::Problems& problems);

/// The same for the admin listener; null if there is none, if it has no TLS, and after a problem.
std::shared_ptr<const http::tls::Context> load_admin_context(const conf::Config& config,
                                                             ListenerTickets& tickets,
                                                             conf::Problems& problems);

/// True if both have the same certificates in the same order, and ask for the same ones of clients.
bool same_certificates(const http::tls::Context& one, const http::tls::Context& other);

/// The ends of all certificates, by file.
metrics::TlsMetrics::CertificateEnds certificate_ends(const ListenerContexts& contexts);

}  // namespace entrepot::app
