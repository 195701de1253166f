// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
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

/// The tag records in memory, by tag_key() (layout.h), in front of RocksDB, the last tag that named
/// a digest, and the freshness rules. Holds the 50,000 most recently used of both. Thread-safe;
/// never blocks.
class TagTable {
 public:
  using StatePtr = std::shared_ptr<const TagState>;

  explicit TagTable(const Options& options);

  /// Null if the tag is not in memory.
  StatePtr find(const std::string& key) const { return states_.find(key).value_or(nullptr); }
  void put(RepositoryRef repository, std::string_view tag, const StatePtr& state);
  void erase(const std::string& key) { states_.erase(key); }
  /// A tag of the repository that names `digest`; nullopt if none is in memory.
  std::optional<std::string> tag_of(RepositoryRef repository, const Digest& digest) const;

  /// The rules of an upstream; those of an empty TagPolicy if it is not, or no more, configured.
  std::shared_ptr<const TagFreshness> freshness(std::string_view upstream) const;
  StatePtr state(RepositoryRef repository, std::string_view tag, TagRecord record) const;
  /// Replaces all rules by those of a new configuration. States in memory keep their fresh_for.
  void set_freshness(const Options& options);

 private:
  BoundedMap<std::string, std::string_view, StatePtr> states_;
  BoundedMap<std::string, std::string_view, std::string> tags_;  // by link_key(); may be outdated
  const std::shared_ptr<const TagFreshness> unconfigured_;
  mutable SharedMutex mutex_;
  std::map<std::string, std::shared_ptr<const TagFreshness>, std::less<>> freshness_
      GUARDED_BY(mutex_);
};

}  // namespace entrepot::cache
