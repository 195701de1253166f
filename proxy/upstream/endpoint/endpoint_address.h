// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "proxy/upstream/auth/realm.h"
#include "proxy/upstream/endpoint/options.h"
#include "proxy/upstream/wire/url.h"

namespace entrepot::upstream {

/// The URL of one endpoint, and the configured rules for requests to it and for its redirects.
/// Constant after construction; any thread.
class EndpointAddress {
 public:
  /// `upstream` outlives this. `url` is the parsed options.url. `id`: Options::id.
  EndpointAddress(const UpstreamOptions& upstream, const EndpointOptions& options, Url url,
                  std::string id);

  /// Name of the upstream.
  const std::string& upstream() const { return upstream_.name; }
  /// Name of the endpoint in metrics and messages.
  const std::string& label() const { return label_; }
  const Url& url() const { return url_; }
  /// `path` ("/v2/…") below the endpoint's own path, with the parameters that every request has.
  Url of(std::string_view path) const;
  /// The endpoint is another mirror, which serves several upstreams.
  bool mirror() const { return ns_; }
  /// Requests on behalf of this endpoint may use plain http.
  bool plain_http() const { return upstream_.internal || !url_.https(); }
  /// Its redirects may lead to addresses that are not global.
  bool internal() const { return upstream_.internal; }
  /// A request to `target` may dial addresses that are not global.
  bool private_addresses(const Url& target) const {
    return upstream_.internal || target.same_origin(url_);
  }
  /// The token servers that its challenges may name, with a credential or without.
  RealmRules realm_rules(bool with_credential) const {
    return {.any_host = !with_credential, .hosts = upstream_.token_hosts};
  }
  /// The header line for a request that came `via` other mirrors; empty for a registry, which must
  /// not judge by what our clients write.
  std::string via_line(const std::string& via) const;

 private:
  const UpstreamOptions& upstream_;
  const Url url_;
  const std::string label_;
  const bool ns_;
  const std::string id_;
};

}  // namespace entrepot::upstream
