// SPDX-License-Identifier: Apache-2.0
// The value of an Authorization field.
#include "proxy/access/login/authorization.h"

#include "proxy/registry/request/request_fields.h"
#include "tests/fuzz/target.h"

namespace entrepot::fuzz {

void run(std::string_view input) {
  const auto parsed = access::Authorization::parse(input);
  const bool used = parsed.kind() == access::AuthorizationKind::basic ||
                    parsed.kind() == access::AuthorizationKind::bearer;
  require(used || (parsed.user().empty() && parsed.secret().empty()), "a secret of no scheme");
  require(parsed.user().find(':') == std::string::npos, "a colon in a user name");
  for (const char c : parsed.user() + parsed.secret())
    require(static_cast<unsigned char>(c) >= ' ' && c != '\x7f', "a control character in a login");
  require((parsed.kind() == access::AuthorizationKind::none) == input.empty(), "an absent field");
  // The check of every request is not stricter than this parser.
  if (used)
    require(registry::well_formed_authorization(input), "a login that requests may not have");
}

}  // namespace entrepot::fuzz
