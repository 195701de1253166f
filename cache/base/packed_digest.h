// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <memory>

#include "cache/base/digest.h"

namespace entrepot::cache {

/// A digest in the space of a sha256, because there are millions of them. The second half of a
/// sha512 is allocated separately.
class PackedDigest {
 public:
  explicit PackedDigest(const Digest& digest) {
    std::copy_n(digest.bytes().begin(), head_.size(), head_.begin());
    if (digest.algorithm() == Algorithm::sha256) return;
    rest_ = std::make_unique<Half>();
    const auto rest = digest.bytes().subspan(head_.size());
    std::copy(rest.begin(), rest.end(), rest_->begin());
  }

  Digest unpack() const {
    if (!rest_) return {Algorithm::sha256, head_};
    std::array<std::uint8_t, 64> whole;
    std::copy(rest_->begin(), rest_->end(), std::copy(head_.begin(), head_.end(), whole.begin()));
    return {Algorithm::sha512, whole};
  }

  /// Equals Digest::hash().
  std::size_t hash() const {
    std::size_t value;
    std::memcpy(&value, head_.data(), sizeof(value));
    return value;
  }

  friend bool operator==(const PackedDigest& one, const PackedDigest& other) {
    if (one.head_ != other.head_ || (one.rest_ == nullptr) != (other.rest_ == nullptr))
      return false;
    return !one.rest_ || *one.rest_ == *other.rest_;
  }
  friend bool operator==(const PackedDigest& one, const Digest& other) {
    const auto bytes = other.bytes();
    if ((other.algorithm() == Algorithm::sha512) != (one.rest_ != nullptr)) return false;
    return std::equal(one.head_.begin(), one.head_.end(), bytes.begin()) &&
           (!one.rest_ || std::equal(one.rest_->begin(), one.rest_->end(), bytes.begin() + 32));
  }

 private:
  using Half = std::array<std::uint8_t, 32>;
  Half head_;
  std::unique_ptr<Half> rest_;
};

}  // namespace entrepot::cache
