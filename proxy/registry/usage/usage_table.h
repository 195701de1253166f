// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/registry/usage/hour_ring.h"

namespace entrepot::registry {

/// A client or a repository in the table of a loop.
struct UsageKey {
  std::uint64_t scope = 0;  ///< the kind of name, the hash of the upstream's, or all of a key
  std::string_view text{};  ///< empty: `scope` is the whole key
};

/// The counts of the names that one loop sees: of clients, or of repositories. At most 1024 names;
/// when another one comes, the quarter with the fewest bytes and requests of the last day goes, and
/// is counted as `others`. So the sums are exact, and a name that matters is not lost. Some
/// 1000 bytes for each name. One thread.
class UsageTable {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::size_t most = 1024;
  static constexpr std::size_t longest_text = 512;  ///< bytes; a longer one is among the others

  struct Row {
    std::string name;
    UsageCounts counts;
    Time last;  ///< request
  };
  struct Page {
    std::vector<Row> rows;
    UsageCounts others;  ///< all that has no row
  };

  UsageTable();

  /// `name`: a function that makes the name of a new key. Otherwise it allocates nothing.
  template <typename Name>
  void add(const UsageKey& key, const Name& name, const UsageCounts& counts, Time now) {
    const auto hash = hash_of(key);
    const auto hour = hour_of(now);
    Entry* entry = find(hash, key);
    if (entry == nullptr) {
      if (key.text.size() > longest_text) return others_.add(hour, counts);
      entry = &make(hash, key, name(), now);
    }
    entry->hours.add(hour, counts);
    entry->last = now;
  }

  /// The names of the last `hours` hours, in no order; the present hour counts as one.
  Page page(std::int64_t hours, Time now) const;
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::uint64_t hash;
    std::uint64_t scope;
    std::string text;
    std::string name;
    HourRing hours;
    Time last;
  };
  struct Slot {
    std::uint64_t hash = 0;
    std::uint32_t entry = 0;  ///< its index and 1; 0: the slot is free
  };
  static constexpr std::size_t slots = 4 * most;  // a power of 2, so that few entries meet

  static std::int64_t hour_of(Time time) {
    return std::chrono::duration_cast<std::chrono::hours>(time.time_since_epoch()).count();
  }
  std::uint64_t hash_of(const UsageKey& key) const;
  Entry* find(std::uint64_t hash, const UsageKey& key);
  Entry& make(std::uint64_t hash, const UsageKey& key, std::string name, Time now);
  void make_room(std::int64_t hour);
  void put(std::uint64_t hash, std::size_t entry);

  const std::uint64_t seed_;  // so that nobody can choose names that meet in one slot
  std::vector<Slot> slots_;   // from the first name on
  std::vector<Entry> entries_;
  HourRing others_;
};

}  // namespace entrepot::registry
