// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <unordered_map>

#include "cache/base/clock.h"
#include "cache/base/failure.h"

namespace entrepot::cache {

/// Stores `not_found` failures for a short time, so that a client that repeats a request causes no
/// upstream request. Other failures do not belong here: a denied object may be allowed with new
/// credentials. Bounded, because any client can request names that do not exist. Home thread only.
class NegativeTable {
 public:
  static constexpr std::size_t max_entries = 10'000;

  std::optional<Failure> find(const std::string& key, SteadyTime now) {
    const auto found = entries_.find(key);
    if (found == entries_.end()) return std::nullopt;
    if (found->second.until > now) return found->second.failure;
    entries_.erase(found);
    return std::nullopt;
  }

  void put(const std::string& key, Failure failure, SteadyTime until, SteadyTime now) {
    if (entries_.size() >= max_entries) {
      std::erase_if(entries_, [&](const auto& entry) { return entry.second.until <= now; });
      // A flood of names within one lifetime: an empty table costs requests, but no memory.
      if (entries_.size() >= max_entries) entries_.clear();
    }
    entries_.insert_or_assign(key, Entry{std::move(failure), until});
  }

 private:
  struct Entry {
    Failure failure;
    SteadyTime until;
  };
  std::unordered_map<std::string, Entry> entries_;
};

}  // namespace entrepot::cache
