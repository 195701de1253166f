// SPDX-License-Identifier: Apache-2.0
#include "cache/store/pins.h"

#include <fnmatch.h>

#include <algorithm>

#include "metrics/mutex.h"

namespace entrepot::cache {

bool Pins::valid(std::string_view pattern) {
  return !pattern.empty() && pattern.size() <= 512 &&
         std::all_of(pattern.begin(), pattern.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

bool Pins::any() const {
  const ReaderLock lock(mutex_);
  return !configured_.empty() || !commanded_.empty();
}

bool Pins::covers(RepositoryRef repository) const {
  const ReaderLock lock(mutex_);
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
  const WriterLock lock(mutex_);
  pinned_.insert(digest.hash());
  if (kept_notes_ > 0) noted_.insert(digest.hash());
}

bool Pins::contains(const Digest& digest) const {
  const ReaderLock lock(mutex_);
  return pinned_.contains(digest.hash());
}

std::vector<std::string> Pins::configured() const {
  const ReaderLock lock(mutex_);
  return configured_;
}

std::vector<std::string> Pins::commanded() const {
  const ReaderLock lock(mutex_);
  return commanded_;
}

void Pins::set_commanded(std::vector<std::string> patterns) {
  const WriterLock lock(mutex_);
  commanded_ = std::move(patterns);
}

void Pins::set_configured(std::vector<std::string> patterns) {
  const WriterLock lock(mutex_);
  configured_ = std::move(patterns);
}

Pins::Notes Pins::keep_notes() {
  const WriterLock lock(mutex_);
  ++kept_notes_;
  return {this, [](Pins* pins) {
            const WriterLock ending(pins->mutex_);
            if (--pins->kept_notes_ == 0) pins->noted_.clear();
          }};
}

bool Pins::recount(const std::function<bool(Hashes&)>& count) {
  const MutexLock counting(counting_mutex_);
  Hashes hashes;
  if (!count(hashes)) return false;
  const WriterLock lock(mutex_);
  hashes.insert(noted_.begin(), noted_.end());
  pinned_ = std::move(hashes);
  return true;
}

}  // namespace entrepot::cache
