// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "metrics/reasons.h"
#include "proxy/http/parse/request.h"
#include "proxy/registry/reply/call.h"
#include "proxy/registry/reply/error.h"

namespace entrepot::registry {

/// A request that this mirror rejects.
struct Refusal {
  Error error;
  RefusalReason reason;
};

/// Selects the upstream and the repository of a request: a configured name as path prefix
/// (`/<p>/v2/…` or `/v2/<p>/…`), else the `ns` parameter, else the default. `ns` is only a key of
/// the table; the Host field is ignored. In a request that another mirror has passed on (Via), `ns`
/// comes first, and the whole path is the repository. Reads call.route; sets call.upstream,
/// repository, inserted and ns. Otherwise pure; any thread.
std::optional<Refusal> select_target(const UpstreamTable& upstreams, const http::Request& request,
                                     Call& call);

/// The name of a repository at its upstream: `name`, or for Docker Hub, if `name` has no '/',
/// `library/` and `name`, which `inserted` (empty before) then stores. nullopt: an invalid name.
/// Pure; any thread.
std::optional<std::string_view> name_at_upstream(const Upstream& upstream, std::string_view name,
                                                 std::string& inserted);

/// Whether a client addresses this mirror by its own name, as a registry: `/v2/<p>/<name>/…` with a
/// configured name `<p>`, or the ping `/v2/`, both without `ns`. Pure; any thread.
bool names_registry(const UpstreamTable& upstreams, const http::Request& request,
                    const Route& route);

}  // namespace entrepot::registry
