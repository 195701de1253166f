// SPDX-License-Identifier: Apache-2.0
#include "cache/base/origins.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "cache/base/lines.h"
#include "metrics/mutex.h"

namespace entrepot::cache {
namespace {

/// Maximum number of upstreams in one record.
constexpr std::size_t max_names = 16;

std::vector<std::string> sorted(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

bool has(const std::vector<std::string>& names, std::string_view name) {
  return std::binary_search(names.begin(), names.end(), name);
}

}  // namespace

Origins::Origins(std::vector<std::string> restricted, std::vector<std::string> open)
    : restricted_(sorted(std::move(restricted))), open_(sorted(std::move(open))), sets_(2) {}

Origins::Set Origins::of(std::string_view upstream) const {
  return has(restricted_, upstream) ? number({std::string(upstream)}) : everybody;
}

Origins::Set Origins::parse(std::string_view names) const {
  if (restricted_.empty()) return everybody;
  Names known;
  for (auto& name : lines_of(names)) {
    if (has(open_, name)) return everybody;
    // An upstream that is no longer configured may have been restricted.
    if (name == unnoted_name || has(restricted_, name)) known.push_back(std::move(name));
  }
  return number(std::move(known));
}

Origins::Set Origins::both(Set one, Set other) const {
  if (one == other || other == nobody) return one;
  if (one == everybody || other == everybody) return everybody;
  Names names;
  {
    const ReaderLock lock(mutex_);
    names = sets_[one];
    names.insert(names.end(), sets_[other].begin(), sets_[other].end());
  }
  const auto set = number(std::move(names));
  return set == nobody ? one : set;
}

bool Origins::open_to(Set set, std::string_view upstream) const {
  return set == everybody || contains(set, upstream);
}

bool Origins::unnoted(Set set) const { return contains(set, unnoted_name); }

bool Origins::contains(Set set, std::string_view name) const {
  const ReaderLock lock(mutex_);
  return has(sets_[set], name);
}

Origins::Set Origins::number(Names names) const {
  names = sorted(std::move(names));
  if (names.empty()) return nobody;
  const WriterLock lock(mutex_);
  const auto found = std::find(sets_.begin() + 2, sets_.end(), names);
  if (found != sets_.end()) return static_cast<Set>(found - sets_.begin());
  if (sets_.size() > std::numeric_limits<Set>::max()) return nobody;
  sets_.push_back(std::move(names));
  return static_cast<Set>(sets_.size() - 1);
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
