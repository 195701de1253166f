// SPDX-License-Identifier: Apache-2.0
#include "cache/base/origins.h"

#include <algorithm>
#include <utility>

#include "cache/base/lines.h"
#include "metrics/mutex.h"

namespace entrepot::cache {
namespace {

/// Maximum number of upstreams in one record, and in one set.
constexpr std::size_t max_names = 16;
/// The sets of several upstreams leave the last numbers to those of one.
constexpr std::size_t most_mixed_sets = 192;
/// The same names in another order are another record.
constexpr std::size_t max_parsed = 1024;

std::vector<std::string> sorted(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

bool has(const std::vector<std::string>& names, std::string_view name) {
  return std::binary_search(names.begin(), names.end(), name);
}

}  // namespace

Origins::Origins(std::vector<std::string> restricted, std::vector<std::string> open) : sets_(1) {
  configure(std::move(restricted), std::move(open));
}

void Origins::configure(std::vector<std::string> restricted, std::vector<std::string> open) {
  const WriterLock lock(mutex_);
  restricted_ = sorted(std::move(restricted));
  open_ = sorted(std::move(open));
  if (!restricted_.empty()) ever_restricted_.store(true, std::memory_order_release);
  for (std::size_t set = 0; set < sets_.size(); ++set)
    public_[set].store(is_public(sets_[set]), std::memory_order_release);
}

/// An upstream that is no longer configured may have been restricted.
bool Origins::is_public(const Names& names) const {
  if (restricted_.empty()) return true;
  for (const auto& name : names)
    if (has(open_, name)) return true;
  return false;
}

Origins::Set Origins::of(std::string_view upstream) const { return parse(upstream); }

Origins::Set Origins::parse(std::string_view names) const {
  if (names.empty()) return nobody;
  {
    const ReaderLock lock(mutex_);
    const auto known = parsed_.find(names);
    if (known != parsed_.end()) return known->second;
  }
  const auto all = sorted(lines_of(names));
  const WriterLock lock(mutex_);
  const auto set = find_or_add(all);
  if (sets_[set] == all && parsed_.size() < max_parsed) parsed_.emplace(names, set);
  return set;
}

Origins::Set Origins::both(Set one, Set other) const {
  if (one == other || other == nobody) return one;
  Names names;
  {
    const ReaderLock lock(mutex_);
    names = sets_[one];
    names.insert(names.end(), sets_[other].begin(), sets_[other].end());
  }
  names = sorted(std::move(names));
  const WriterLock lock(mutex_);
  const auto set = names.size() > max_names ? part_of(names) : find_or_add(names);
  if (sets_[set] == names) return set;
  return public_[set] && !public_[one] ? set : one;
}

bool Origins::open_to(Set set, std::string_view upstream) const {
  return public_[set].load(std::memory_order_acquire) || contains(set, upstream);
}

bool Origins::unnoted(Set set) const { return contains(set, unnoted_name); }

bool Origins::contains(Set set, std::string_view name) const {
  const ReaderLock lock(mutex_);
  return has(sets_[set], name);
}

Origins::Set Origins::find_or_add(const Names& names) const {
  const auto found = std::find(sets_.begin(), sets_.end(), names);
  if (found != sets_.end()) return static_cast<Set>(found - sets_.begin());
  if (sets_.size() >= (names.size() == 1 ? most_sets : most_mixed_sets)) return part_of(names);
  sets_.push_back(names);
  const auto added = sets_.size() - 1;
  public_[added].store(is_public(names), std::memory_order_release);
  return static_cast<Set>(added);
}

Origins::Set Origins::part_of(const Names& names) const {
  Set best = nobody;
  for (const auto& name : names) {
    const auto found = std::find(sets_.begin() + 1, sets_.end(), Names{name});
    if (found == sets_.end()) continue;
    best = static_cast<Set>(found - sets_.begin());
    if (is_public(*found)) break;
  }
  return best;
}

std::string Origins::add(std::string_view names, std::string_view upstream) {
  auto all = lines_of(names);
  if (std::find(all.begin(), all.end(), upstream) == all.end()) all.emplace_back(upstream);
  if (all.size() > max_names) all.erase(all.begin());
  std::string text;
  for (const auto& name : all) text.append(text.empty() ? "" : "\n").append(name);
  return text;
}

}  // namespace entrepot::cache
