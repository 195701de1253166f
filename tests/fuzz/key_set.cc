// SPDX-License-Identifier: Apache-2.0
// A file with the keys of an issuer: none of its keys accepts a text as its signature.
#include "proxy/access/jwt/key_set.h"

#include "tests/fuzz/target.h"

namespace entrepot::fuzz {

void run(std::string_view input) {
  const auto parsed = access::KeySet::parse(input);
  if (const auto* problems = std::get_if<std::vector<access::Problem>>(&parsed)) {
    require(!problems->empty(), "a refused file without a problem");
    for (const auto& problem : *problems)
      for (const char c : problem.what)
        require(static_cast<unsigned char>(c) >= ' ' && c != '\x7f', "a control character told");
    return;
  }
  const auto& keys = std::get<access::KeySet>(parsed);
  require(keys.size() > 0 && keys.size() <= access::KeySet::max_keys, "keys outside of the bounds");
  for (std::size_t i = 0; i < metrics::count_of<access::JwtAlgorithm>; ++i)
    require(keys.verify(static_cast<access::JwtAlgorithm>(i), {}, "text", "signature") !=
                access::KeySet::Result::right,
            "a signature that nobody made");
}

}  // namespace entrepot::fuzz
