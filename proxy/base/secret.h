// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace entrepot {

/// Overwrites a password or token in memory, including its unused capacity, and clears it. Any
/// thread.
void wipe(std::string& secret);

/// Recognises passwords and tokens without keeping them: the mark of a secret is a digest with a
/// key that is random for each object (HMAC-SHA-256), so that equal secrets have equal marks and a
/// mark cannot be tested against guesses elsewhere. Any thread.
class SecretMarks {
 public:
  /// Throws std::runtime_error if there are no random numbers.
  SecretMarks();
  ~SecretMarks();
  SecretMarks(const SecretMarks&) = delete;
  SecretMarks& operator=(const SecretMarks&) = delete;

  /// 32 bytes.
  std::string of(std::string_view secret) const;

 private:
  std::array<unsigned char, 32> key_;
};

}  // namespace entrepot
