// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "metrics/check.h"

namespace entrepot::cache {

/// A small body of an upstream's answer, gathered in memory. One thread.
class GatheredBody {
 public:
  /// Adds bytes [offset, offset + data.size()). A transfer that was resumed may repeat bytes, which
  /// replace the earlier ones. Returns false if the body is longer than `limit` bytes.
  /// REQUIRES: offset ≤ size of the body so far.
  bool add(std::uint64_t offset, std::span<const std::byte> data, std::uint64_t limit) {
    check(offset <= bytes_.size(), "fetches leave no holes");
    bytes_.resize(offset);
    bytes_.append(reinterpret_cast<const char*>(data.data()), data.size());
    return bytes_.size() <= limit;
  }
  void reserve(std::uint64_t size) { bytes_.reserve(size); }
  bool empty() const { return bytes_.empty(); }
  const std::string& bytes() const { return bytes_; }
  /// Returns the bytes; the body is empty then.
  std::string take() { return std::exchange(bytes_, {}); }

 private:
  std::string bytes_;
};

}  // namespace entrepot::cache
