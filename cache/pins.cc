// SPDX-License-Identifier: Apache-2.0
#include "cache/pins.h"

#include <fnmatch.h>

#include <algorithm>
#include <mutex>

namespace entrepot::cache {

bool Pins::valid(std::string_view pattern) {
  return !pattern.empty() && pattern.size() <= 512 &&
         std::all_of(pattern.begin(), pattern.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

bool Pins::any() const {
  const std::shared_lock lock(mutex_);
  return !configured_.empty() || !commanded_.empty();
}

bool Pins::covers(RepositoryRef repository) const {
  const std::shared_lock lock(mutex_);
  if (configured_.empty() && commanded_.empty()) return false;
  const std::string name(repository.name);
  const std::string with_upstream = std::string(repository.upstream) + "/" + name;
  const auto matches = [&](const std::string& pattern) {
    return ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0 ||
           ::fnmatch(pattern.c_str(), with_upstream.c_str(), 0) == 0;
  };
  return std::any_of(configured_.begin(), configured_.end(), matches) ||
         std::any_of(commanded_.begin(), commanded_.end(), matches);
}

void Pins::note(const Digest& digest) {
  const std::unique_lock lock(mutex_);
  held_.insert(digest.hash());
  if (kept_notes_ > 0) noted_.insert(digest.hash());
}

bool Pins::holds(const Digest& digest) const {
  const std::shared_lock lock(mutex_);
  return held_.contains(digest.hash());
}

std::vector<std::string> Pins::configured() const {
  const std::shared_lock lock(mutex_);
  return configured_;
}

std::vector<std::string> Pins::commanded() const {
  const std::shared_lock lock(mutex_);
  return commanded_;
}

void Pins::set_commanded(std::vector<std::string> patterns) {
  const std::unique_lock lock(mutex_);
  commanded_ = std::move(patterns);
}

void Pins::set_configured(std::vector<std::string> patterns) {
  const std::unique_lock lock(mutex_);
  configured_ = std::move(patterns);
}

Pins::Notes Pins::keep_notes() {
  const std::unique_lock lock(mutex_);
  ++kept_notes_;
  return {this, [](Pins* pins) {
            const std::unique_lock ending(pins->mutex_);
            if (--pins->kept_notes_ == 0) pins->noted_.clear();
          }};
}

bool Pins::recount(const std::function<bool(Held&)>& count) {
  const std::lock_guard counting(counting_mutex_);
  Held held;
  if (!count(held)) return false;
  const std::unique_lock lock(mutex_);
  held.insert(noted_.begin(), noted_.end());
  held_ = std::move(held);
  return true;
}

}  // namespace entrepot::cache
