// SPDX-License-Identifier: Apache-2.0
// The body of a token server.
#include "proxy/upstream/auth/token_reply.h"

#include <chrono>

#include "tests/fuzz/target.h"

namespace entrepot::fuzz {

void run(std::string_view input) {
  const auto reply = upstream::parse_token_reply(input);
  if (!reply) return;
  require(!reply->token.empty(), "a grant without a token");
  for (const char c : reply->token) require(c > ' ' && c < '\x7f', "a token no header can hold");
  require(reply->lifetime >= std::chrono::seconds(60) && reply->lifetime <= std::chrono::hours(24),
          "a lifetime out of bounds");
}

}  // namespace entrepot::fuzz
