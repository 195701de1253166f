// SPDX-License-Identifier: Apache-2.0
// A URL from an upstream, and a second line that is resolved against it.
#include "proxy/upstream/wire/url.h"

#include "proxy/upstream/auth/realm.h"
#include "tests/fuzz/target.h"

namespace entrepot::fuzz {
namespace {

using upstream::Url;

void check_url(const Url& url) {
  require(!url.host().empty() && url.port() != 0, "a URL that cannot be dialled");
  require(url.text().find_first_of(std::string_view(" \t\r\n\0", 5)) == std::string::npos,
          "a space or control byte in a URL");
  const auto again = Url::parse(url.text());
  require(again && again->same_origin(url), "the connected origin is not the checked one");
  require(url.shown().find('?') == std::string::npos, "a shown query");
}

}  // namespace

void run(std::string_view input) {
  const auto base = Url::parse(take_line(input));
  if (!base) return;
  check_url(*base);
  const auto other = base->resolve(input);
  if (!other) return;
  check_url(*other);
  if (!upstream::realm_refusal(*other, *base, {}))
    require(other->https() || !base->https(), "a realm in the clear for an endpoint that is not");
}

}  // namespace entrepot::fuzz
