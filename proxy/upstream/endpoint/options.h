// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cache/base/executor.h"
#include "proxy/upstream/endpoint/breaker.h"
#include "proxy/upstream/transfer/outgoing_proxy.h"
#include "proxy/upstream/transfer/timeouts.h"
#include "proxy/upstream/wire/credential.h"

namespace entrepot::upstream {

class AccountRecords;

/// One URL under which an upstream's content is served.
struct EndpointOptions {
  std::string url;     ///< "https://registry-1.docker.io", maybe with a path in front of /v2/
  std::string region;  ///< free text; empty when not said
  bool ns = false;     ///< the endpoint is another mirror: add `?ns=<upstream>`
  /// Sent to this endpoint and its token server only. None: anonymous.
  std::vector<Credential> credentials = {};
};

/// One registry as configured.
struct UpstreamOptions {
  std::string name;  ///< "docker.io"
  std::vector<EndpointOptions> endpoints;
  /// PEM file of a private CA, trusted instead of the system's; empty for those.
  std::string ca_file;
  /// For all requests: to endpoints, token services and targets of redirects.
  OutgoingProxy proxy = {};
  /// Redirects and realms may lead to private addresses.
  bool internal = false;
  /// Hosts besides the endpoints' own domains that may get token requests with credentials: lower
  /// case, without a port. Any host may get them without credentials.
  std::vector<std::string> token_hosts = {};
};

struct Options {
  std::vector<UpstreamOptions> upstreams;
  Timeouts timeouts;
  Limits limits;
  Breaker::Options breaker;
  /// User-Agent; empty for "entrepot/<version>".
  std::string user_agent;
  /// Our name in the Via of requests to endpoints (registry::Options::id); empty: none is sent.
  std::string id;
  /// The records of accounts that the sources of all fetch loops share; outlives the source. Null:
  /// each source has its own.
  AccountRecords* account_records = nullptr;
  /// Runs the reading of responses that would delay a loop. Outlives the source. Null: the loop
  /// reads all.
  cache::JobQueue* readers = nullptr;
  /// Set by UpstreamSource: runs `read` on the readers, then `done` on the loop. Null without
  /// readers.
  std::function<void(cache::Job read, cache::Job done)> read_off_loop = nullptr;
};

/// The `endpoint` label (metrics, FetchHead) of a configured URL: host, port if unusual, path.
/// The URL as given when it does not parse.
std::string endpoint_label(const std::string& url);

}  // namespace entrepot::upstream
