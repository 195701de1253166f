// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "cache/base/digest.h"

namespace entrepot::registry {

/// The text of a digest and its entity tag, in one buffer without allocation.
class DigestText {
 public:
  explicit DigestText(const cache::Digest& digest);

  /// Returns `sha256:<hex>`.
  std::string_view text() const { return {buffer_.data() + 1, size_}; }
  /// Returns `"sha256:<hex>"`, including the quotes.
  std::string_view entity_tag() const { return {buffer_.data(), size_ + 2}; }

 private:
  static constexpr std::size_t longest = 2 + 7 + 128;  // quotes, "sha512:", hex

  std::array<char, longest> buffer_;
  std::size_t size_;
};

}  // namespace entrepot::registry
