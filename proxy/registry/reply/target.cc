// SPDX-License-Identifier: Apache-2.0
#include "proxy/registry/reply/target.h"

#include "proxy/registry/request/names.h"
#include "proxy/registry/request/query.h"
#include "proxy/registry/request/via.h"

namespace entrepot::registry {
namespace {

constexpr std::size_t max_ns = 255;
constexpr std::string_view hub_library = "library/";

Refusal bad_ns(std::string_view message) {
  return {{400, ErrorCode::name_invalid, message}, RefusalReason::ns_invalid};
}

Refusal unknown_upstream(std::string_view message) {
  return {{404, ErrorCode::name_unknown, message}, RefusalReason::upstream_unknown};
}

/// Decodes `ns` into `ns`, which stays empty if the request has none.
std::optional<Refusal> read_ns(const http::Request& request, std::string& ns) {
  if (request.query().empty()) return std::nullopt;
  const Parameter parameter = find_parameter(request.query(), "ns");
  if (parameter.count == 0) return std::nullopt;
  if (parameter.count > 1) return bad_ns("ns given twice, with different values");
  std::optional<std::string> decoded = decode_parameter(parameter.value, max_ns);
  if (!decoded || !looks_like_host(*decoded)) return bad_ns("ns is not a registry host");
  ns = std::move(*decoded);
  return std::nullopt;
}

/// Whether another mirror has passed the request on. Its repository is the one at the upstream:
/// that mirror has removed the prefix and has judged by the rest.
bool is_passed_on(const http::Request& request, const Call& call) {
  return call.fields.via && has_passed_mirror(via_of(request, call.fields));
}

/// Returns the upstream that the path names, and removes that prefix from `name`. Returns null if
/// the path names none.
UpstreamPtr upstream_in_path(const UpstreamTable& upstreams, std::string_view& name) {
  const std::size_t slash = name.find('/');
  if (slash == std::string_view::npos) return nullptr;
  const UpstreamPtr& upstream = upstreams.find(name.substr(0, slash));
  if (upstream != nullptr) name.remove_prefix(slash + 1);
  return upstream;
}

}  // namespace

std::optional<std::string_view> name_at_upstream(const Upstream& upstream, std::string_view name,
                                                 std::string& inserted) {
  if (!valid_name(name)) return std::nullopt;
  if (!upstream.docker_hub || name.find('/') != std::string_view::npos) return name;
  inserted.reserve(hub_library.size() + name.size());
  inserted.append(hub_library).append(name);
  if (inserted.size() > max_name) return std::nullopt;
  return inserted;
}

bool names_registry(const UpstreamTable& upstreams, const http::Request& request,
                    const Route& route) {
  if (!route.prefix.empty() || find_parameter(request.query(), "ns").count > 0) return false;
  std::string_view name = route.name;
  return route.resource == Resource::ping || route.resource == Resource::catalog ||
         upstream_in_path(upstreams, name) != nullptr;
}

std::optional<Refusal> select_target(const UpstreamTable& upstreams, const http::Request& request,
                                     Call& call) {
  std::string ns;
  if (auto refusal = read_ns(request, ns)) return refusal;

  std::string_view name = call.route.name;
  const UpstreamPtr by_ns = ns.empty() ? nullptr : upstreams.find_host(ns);
  if (!call.route.prefix.empty()) {
    call.upstream = upstreams.find(call.route.prefix);
    if (call.upstream == nullptr) return unknown_upstream("no such registry is mirrored here");
  } else if (by_ns != nullptr && is_passed_on(request, call)) {
    call.upstream = by_ns;
  } else if (UpstreamPtr by_path = upstream_in_path(upstreams, name)) {
    call.upstream = std::move(by_path);
  } else if (!ns.empty()) {
    if (by_ns == nullptr) return unknown_upstream("the registry named by ns is not mirrored here");
    call.upstream = by_ns;
  } else {
    call.upstream = upstreams.default_upstream();
    if (call.upstream == nullptr) return unknown_upstream("the request names no registry");
  }
  // Reports the upstream that was used, which differs from the value of the request if a prefix had
  // priority.
  if (!ns.empty() && call.upstream != by_ns) ns = call.upstream->name;
  call.ns = std::move(ns);

  const auto repository = name_at_upstream(*call.upstream, name, call.inserted);
  if (!repository)
    return Refusal{{400, ErrorCode::name_invalid, "invalid repository name"}, RefusalReason::name};
  call.repository = *repository;
  return std::nullopt;
}

}  // namespace entrepot::registry
