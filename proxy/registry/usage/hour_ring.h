// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace entrepot::registry {

/// Requests for content, and what they cost.
struct UsageCounts {
  std::uint64_t requests = 0;
  std::uint64_t manifests = 0;  ///< of these: whole manifests, by GET
  std::uint64_t bytes = 0;      ///< of bodies, to clients
  std::uint64_t stored = 0;     ///< of these: from the store

  UsageCounts& operator+=(const UsageCounts& other) {
    requests += other.requests;
    manifests += other.manifests;
    bytes += other.bytes;
    stored += other.stored;
    return *this;
  }
  bool operator==(const UsageCounts&) const = default;
};

/// Counts of the last 24 hours, hour by hour. An hour is a number of the caller's clock. One
/// thread.
class HourRing {
 public:
  static constexpr std::int64_t length = 24;

  /// An hour that is too old is not counted.
  void add(std::int64_t hour, const UsageCounts& counts) {
    if (hour > newest_) advance(hour);
    if (hour > newest_ - length) at(hour) += counts;
  }
  void add(const HourRing& other) {
    if (other.newest_ == never) return;
    advance(other.newest_);
    for (auto hour = std::max(newest_, other.newest_) - length + 1; hour <= other.newest_; ++hour)
      at(hour) += other.at(hour);
  }
  /// The sum of `hours` hours, the last of which is `hour`.
  UsageCounts sum(std::int64_t hour, std::int64_t hours) const {
    UsageCounts all;
    for (auto one = std::max(hour - hours, newest_ - length) + 1; one <= std::min(hour, newest_);
         ++one)
      all += at(one);
    return all;
  }

 private:
  static constexpr std::int64_t never = -length;  // as if all hours before 0 were counted

  void advance(std::int64_t hour) {
    for (auto next = std::max(newest_, hour - length) + 1; next <= hour; ++next) at(next) = {};
    newest_ = std::max(newest_, hour);
  }
  UsageCounts& at(std::int64_t hour) { return ring_[index_of(hour)]; }
  const UsageCounts& at(std::int64_t hour) const { return ring_[index_of(hour)]; }
  static std::size_t index_of(std::int64_t hour) {
    return static_cast<std::size_t>((hour + length) % length);
  }

  std::array<UsageCounts, length> ring_{};
  std::int64_t newest_ = never;
};

}  // namespace entrepot::registry
