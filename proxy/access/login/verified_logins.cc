// SPDX-License-Identifier: Apache-2.0
#include "proxy/access/login/verified_logins.h"

#include <array>

namespace entrepot::access {

VerifiedLogins::VerifiedLogins() : VerifiedLogins(Options{}) {}

VerifiedLogins::VerifiedLogins(const Options& options)
    : right_(options.right_entries, options.right_for),
      wrong_(options.wrong_entries, options.wrong_for) {}

LoginMemory VerifiedLogins::recall(std::string_view user, std::string_view password,
                                   std::string_view hash, Clock::time_point now) const {
  const auto key = keyed_hash_.of(std::array{user, password, hash});
  if (!key) return LoginMemory::none;
  if (right_.contains(*key, now)) return LoginMemory::right;
  return wrong_.contains(*key, now) ? LoginMemory::wrong : LoginMemory::none;
}

void VerifiedLogins::remember(std::string_view user, std::string_view password,
                              std::string_view hash, bool right, Clock::time_point now) {
  const auto key = keyed_hash_.of(std::array{user, password, hash});
  if (!key) return;
  (right ? right_ : wrong_).insert(*key, now);
}

}  // namespace entrepot::access
