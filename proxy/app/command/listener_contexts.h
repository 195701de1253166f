// SPDX-License-Identifier: Apache-2.0
// The TLS settings of the configured listeners, from their certificates and keys.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "conf/config.h"
#include "metrics/metrics.h"
#include "proxy/http/tls/context.h"

namespace entrepot::app {

/// The keys for session tickets of each listener with TLS, by its address. They outlive a reload,
/// so that clients can resume their sessions after it.
using ListenerTickets = std::map<std::string, std::shared_ptr<http::tls::TicketKeys>>;

struct ListenerContexts {
  /// In the order of `listen`; null for a listener without TLS.
  std::vector<std::shared_ptr<const http::tls::Context>> contexts;
  std::vector<std::string> warnings;  ///< for the operator, with the path of the key
};

/// Reads the certificates and keys. Adds the keys for tickets that are missing in `tickets`. Throws
/// conf::ConfigError with a line for each fault. Blocking.
ListenerContexts load_contexts(const conf::Config& config, ListenerTickets& tickets);

/// True if both have the same certificates in the same order.
bool same_certificates(const http::tls::Context& one, const http::tls::Context& other);

/// The ends of all certificates, by file.
metrics::TlsMetrics::CertificateEnds certificate_ends(
    const std::vector<std::shared_ptr<const http::tls::Context>>& contexts);

}  // namespace entrepot::app
