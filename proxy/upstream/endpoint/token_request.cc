// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/endpoint/token_request.h"

#include <utility>

#include "proxy/upstream/auth/realm.h"
#include "proxy/upstream/auth/token_fetch.h"

namespace entrepot::upstream {

std::variant<TokenKey, std::string> token_request(const EndpointAddress& endpoint,
                                                  const AuthScheme& scheme, const TokenNeed& need) {
  const auto realm = Url::parse_unencoded(scheme.realm);
  if (!realm) return "its token server is not asked: its URL cannot be used";
  if (const auto why =
          realm_refusal(*realm, need.asker, endpoint.realm_rules(need.with_credential)))
    return "its token server " + realm->shown() + " is not asked: " + *why;
  auto url = token_url(*realm, scheme.service, scheme.scope.empty() ? need.scope : scheme.scope);
  if (!url) return "its token server's URL is too long";
  return TokenKey{.url = std::move(*url),
                  .plain_http = !realm->https(),
                  .private_addresses = endpoint.private_addresses(*realm),
                  .private_redirects = endpoint.internal()};
}

}  // namespace entrepot::upstream
