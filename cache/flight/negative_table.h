// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <unordered_map>

#include "cache/base/clock.h"
#include "cache/base/failure.h"

namespace entrepot::cache {

/// What the upstream said is not there, believed for a short while, so that a client that keeps
/// asking costs no request. Only not_found belongs here: what is denied may be allowed
/// with the next credentials. Bounded, because anyone can ask for names that do not exist. One
/// home's thread.
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
      // A flood of names within one lifetime: forgetting them all costs requests, not memory.
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
