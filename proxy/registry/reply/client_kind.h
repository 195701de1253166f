// SPDX-License-Identifier: Apache-2.0
// The program and the network of a client, for the metrics. Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "metrics/client_metrics.h"
#include "proxy/http/client/client_address.h"

namespace entrepot::registry {

/// The engine that names itself in a User-Agent field (RFC 9110 section 10.1.5): by its first
/// product, without regard to case, and for libraries that programs embed by the products after it.
/// Reads at most 512 bytes.
metrics::Engine engine_of(std::string_view user_agent);

metrics::ClientNetwork network_of(const http::Peer& peer);

/// The one of the names of a certificate that is its own, with its kind: "CN=node-1"; empty without
/// one. O and OU are those of many clients.
std::string_view own_name(const std::vector<std::string>& names);

/// The own name of the client's certificate; empty without a certificate.
inline std::string_view certificate_name(const http::Peer& peer) {
  return peer.certificate == nullptr ? std::string_view() : own_name(*peer.certificate);
}

}  // namespace entrepot::registry
