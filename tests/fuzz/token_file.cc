// SPDX-License-Identifier: Apache-2.0
// A file of tokens: what is read is written and read again as the same tokens.
#include "proxy/access/login/token_file.h"

#include "proxy/access/user_name.h"
#include "tests/fuzz/target.h"

namespace entrepot::fuzz {

void run(std::string_view input) {
  const auto parsed = access::TokenFile::parse(input);
  if (const auto* problems = std::get_if<std::vector<access::Problem>>(&parsed)) {
    require(!problems->empty(), "a refused file without a problem");
    return;
  }
  const auto& file = std::get<access::TokenFile>(parsed);
  for (const auto& [name, token] : file.tokens()) {
    require(!access::fault_of_user_name(name), "a name that no user can have");
    require(name == token.name, "a token below another name");
  }
  const auto again = access::TokenFile::parse(file.text());
  require(std::holds_alternative<access::TokenFile>(again), "a written file that is not read");
  require(std::get<access::TokenFile>(again).tokens() == file.tokens(), "other tokens");
}

}  // namespace entrepot::fuzz
