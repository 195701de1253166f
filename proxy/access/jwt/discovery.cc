// SPDX-License-Identifier: Apache-2.0
#include "proxy/access/jwt/discovery.h"

#include "proxy/access/jwt/json_object.h"

namespace entrepot::access {

std::string metadata_url(std::string_view issuer) {
  if (issuer.ends_with('/')) issuer.remove_suffix(1);
  return std::string(issuer) + "/.well-known/openid-configuration";
}

std::variant<std::string, Fault> keys_url(std::string_view text, std::string_view issuer) {
  const auto document = parse_json_object(text);
  if (!document) return Fault{"the metadata is no JSON object"};
  const std::string* name = text_at(*document, "issuer");
  if (name == nullptr) return Fault{"the metadata has no \"issuer\""};
  if (*name != issuer) return Fault{"the metadata is of " + access::quoted(*name)};
  const std::string* url = text_at(*document, "jwks_uri");
  if (url == nullptr || url->empty()) return Fault{"the metadata has no \"jwks_uri\""};
  return *url;
}

}  // namespace entrepot::access
