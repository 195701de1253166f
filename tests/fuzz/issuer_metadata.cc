// SPDX-License-Identifier: Apache-2.0
// The metadata of an issuer, from which the URL of its keys is taken.
#include "proxy/access/jwt/discovery.h"
#include "tests/fuzz/target.h"

namespace entrepot::fuzz {

void run(std::string_view input) {
  const auto url = access::keys_url(input, "https://issuer.example");
  if (const auto* fault = std::get_if<access::Fault>(&url)) {
    for (const char c : fault->text)
      require(static_cast<unsigned char>(c) >= ' ' && c != '\x7f', "a control character told");
    return;
  }
  require(!std::get<std::string>(url).empty(), "no URL");
  require(input.find("https:") != input.npos || input.find('\\') != input.npos,
          "metadata of another issuer");
}

}  // namespace entrepot::fuzz
