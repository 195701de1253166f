// SPDX-License-Identifier: Apache-2.0
// An htpasswd file; its first line is also looked up as a user.
#include "proxy/access/login/password_file.h"

#include "proxy/access/login/password_hash.h"
#include "tests/fuzz/target.h"

namespace entrepot::fuzz {

void run(std::string_view input) {
  std::string_view rest = input;
  const std::string_view line = take_line(rest);
  const auto parsed = access::PasswordFile::parse(input);
  if (const auto* problems = std::get_if<std::vector<access::Problem>>(&parsed)) {
    require(!problems->empty(), "a refused file without a problem");
    for (const auto& problem : *problems)
      for (const char c : problem.what)
        require(static_cast<unsigned char>(c) >= ' ' && c != '\x7f', "a control character told");
    return;
  }
  const auto& file = std::get<access::PasswordFile>(parsed);
  if (const auto* hash = file.hash_of(line.substr(0, line.find(':'))))
    require(!access::fault_of_hash(*hash), "a hash that nothing can verify");
}

}  // namespace entrepot::fuzz
