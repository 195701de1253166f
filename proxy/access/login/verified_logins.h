// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "metrics/word_table.h"
#include "proxy/access/login/keyed_hash.h"
#include "proxy/access/login/timed_set.h"

namespace entrepot::access {

/// An earlier result of verify() for a login.
enum class LoginMemory : std::uint8_t {
  none,   ///< not remembered: verify it
  right,  ///< the password was right
  wrong,  ///< the password was wrong
};

/// Remembers the results of verify() (password_hash.h), so that a login costs its hash once an hour
/// and not with each request. It stores keyed hashes of (user, password, hash of the file) only; a
/// changed line of the password file is therefore another login. Thread-safe. A look-up takes less
/// than a microsecond.
class VerifiedLogins {
 public:
  using Clock = TimedSet::Clock;
  struct Options {
    std::size_t right_entries = 16'384;  ///< 24 bytes each, allocated at once
    Clock::duration right_for = std::chrono::hours(1);
    /// A set of its own, so that wrong logins displace no right ones.
    std::size_t wrong_entries = 4'096;
    /// A client that repeats a wrong password costs one hash in this time.
    Clock::duration wrong_for = std::chrono::seconds(10);
  };

  /// Throws std::runtime_error if OpenSSL has no random bytes or no BLAKE2b.
  VerifiedLogins();
  explicit VerifiedLogins(const Options& options);

  LoginMemory recall(std::string_view user, std::string_view password, std::string_view hash,
                     Clock::time_point now) const;
  /// `right`: the result of verify().
  void remember(std::string_view user, std::string_view password, std::string_view hash, bool right,
                Clock::time_point now);

 private:
  KeyedHash keyed_hash_;
  TimedSet right_;
  TimedSet wrong_;
};

}  // namespace entrepot::access

namespace entrepot::metrics {

template <>
inline constexpr auto words<access::LoginMemory> = make_words<access::LoginMemory>({
    {access::LoginMemory::none, "none"},
    {access::LoginMemory::right, "right"},
    {access::LoginMemory::wrong, "wrong"},
});

}  // namespace entrepot::metrics
