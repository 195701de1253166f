// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "proxy/upstream/object_exchange.h"

namespace entrepot::upstream {

/// The bytes of an object that an ObjectFetch has delivered and still wants, over all responses.
/// Offsets and sizes in bytes. Pure; one thread.
class ObjectProgress {
 public:
  /// A piece of a body, checked.
  struct Piece {
    std::uint64_t offset = 0;         ///< in the object
    std::span<const std::byte> data;  ///< without what is beyond the wanted end
    bool last = false;                ///< the wanted bytes are complete
    std::string why = {};             ///< not empty: the reason to reject it
  };

  /// `offset`, `end`, `max_size` and `size` as in cache::FetchRequest.
  ObjectProgress(std::uint64_t offset, std::optional<std::uint64_t> end, std::uint64_t max_size,
                 std::optional<std::uint64_t> size)
      : end_(end), max_size_(max_size), next_(offset), delivered_(offset), size_(size) {}

  /// Why a response with this place cannot be used: the object is too large or changed its size.
  std::optional<std::string> refuse(const ObjectPlace& place) const;
  /// Continues with the body of a response at `place`.
  void begin(const ObjectPlace& place) {
    next_ = place.begin;
    if (!size_) size_ = place.total;
  }
  /// The next piece of that body.
  Piece take(std::span<const std::byte> data);

  /// Offset of the next byte of the current body. A body that began again from 0 may break before
  /// delivered().
  std::uint64_t next() const { return next_; }
  /// All wanted bytes below this offset are delivered.
  std::uint64_t delivered() const { return delivered_; }
  /// A response sent bytes beyond the wanted end: the rest of it is not needed.
  bool overrun() const { return overrun_; }
  /// One past the last wanted byte; nullopt while that is unknown.
  std::optional<std::uint64_t> wanted_end() const {
    return end_ && (!size_ || *end_ < *size_) ? end_ : size_;
  }
  /// Bytes from next() to wanted_end(); nullopt while that is unknown.
  std::optional<std::uint64_t> left() const {
    const auto end = wanted_end();
    return end ? std::optional(*end - std::min(*end, next_)) : std::nullopt;
  }

 private:
  const std::optional<std::uint64_t> end_;
  const std::uint64_t max_size_;  ///< 0: no limit
  std::uint64_t next_;
  std::uint64_t delivered_;
  std::optional<std::uint64_t> size_;
  bool overrun_ = false;
};

}  // namespace entrepot::upstream
