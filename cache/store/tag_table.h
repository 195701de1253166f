// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "cache/api/answer.h"
#include "cache/api/options.h"
#include "cache/base/bounded_map.h"
#include "cache/index/records.h"
#include "cache/store/freshness.h"
#include "metrics/mutex.h"

namespace entrepot::cache {

/// A tag record with its fresh_for, computed once instead of at each hit.
struct TagState {
  TagRecord record;
  std::chrono::milliseconds fresh_for;
};

/// The tag records in memory, by tag_key() (layout.h), in front of RocksDB, and the freshness
/// rules. Holds the 50,000 most recently used. Thread-safe; never blocks.
class TagTable {
 public:
  using StatePtr = std::shared_ptr<const TagState>;

  explicit TagTable(const Options& options);

  /// Null if the tag is not in memory.
  StatePtr find(const std::string& key) const { return states_.find(key).value_or(nullptr); }
  void put(const std::string& key, StatePtr state) { states_.put(key, std::move(state)); }
  void erase(const std::string& key) { states_.erase(key); }

  /// The rules of a configured upstream.
  std::shared_ptr<const TagFreshness> freshness(std::string_view upstream) const;
  StatePtr state(RepositoryRef repository, std::string_view tag, TagRecord record) const;
  /// Replaces the rules from a new configuration. States in memory keep their fresh_for.
  void set_freshness(const Options& options);

 private:
  BoundedMap<std::string, std::string_view, StatePtr> states_;
  mutable SharedMutex mutex_;
  std::map<std::string, std::shared_ptr<const TagFreshness>, std::less<>> freshness_
      GUARDED_BY(mutex_);
};

}  // namespace entrepot::cache
