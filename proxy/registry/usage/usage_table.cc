// SPDX-License-Identifier: Apache-2.0
#include "proxy/registry/usage/usage_table.h"

#include <algorithm>
#include <cstring>
#include <random>
#include <utility>

namespace entrepot::registry {
namespace {

/// A request counts as much as a small object.
constexpr std::uint64_t bytes_of_request = 4096;

std::uint64_t weight(const UsageCounts& counts) {
  return counts.bytes + counts.requests * bytes_of_request;
}

/// Both halves of a product of 128 bits, as in wyhash.
std::uint64_t mixed(std::uint64_t a, std::uint64_t b) {
  __extension__ using Product = unsigned __int128;
  const auto product = static_cast<Product>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

std::uint64_t random_seed() {
  std::random_device random;
  return (static_cast<std::uint64_t>(random()) << 32) | random();
}

}  // namespace

UsageTable::UsageTable() : seed_(random_seed()) {}

/// A hit computes two of these: std::hash would need three times as many instructions.
std::uint64_t UsageTable::hash_of(const UsageKey& key) const {
  constexpr std::uint64_t factor = 0x9e3779b97f4a7c15;  // 2^64 by the golden ratio
  auto hash = mixed(key.scope ^ seed_, factor) + key.text.size();
  const char* at = key.text.data();
  const char* const end = at + key.text.size();
  std::uint64_t word = 0;
  for (; end - at > static_cast<std::ptrdiff_t>(sizeof word); at += sizeof word) {
    std::memcpy(&word, at, sizeof word);
    hash = mixed(hash ^ word, factor ^ seed_);
  }
  word = 0;
  if (key.text.size() >= sizeof word)
    std::memcpy(&word, end - sizeof word, sizeof word);  // some bytes for a second time
  else if (at != end)
    std::memcpy(&word, at, key.text.size());
  return mixed(hash ^ word, factor);
}

UsageTable::Entry* UsageTable::find(std::uint64_t hash, const UsageKey& key) {
  if (slots_.empty()) return nullptr;
  for (auto slot = hash % slots; slots_[slot].entry != 0; slot = (slot + 1) % slots) {
    if (slots_[slot].hash != hash) continue;
    Entry& entry = entries_[slots_[slot].entry - 1];
    if (entry.scope == key.scope && entry.text == key.text) return &entry;
  }
  return nullptr;
}

void UsageTable::put(std::uint64_t hash, std::size_t entry) {
  auto slot = hash % slots;
  while (slots_[slot].entry != 0) slot = (slot + 1) % slots;
  slots_[slot] = {hash, static_cast<std::uint32_t>(entry + 1)};
}

UsageTable::Entry& UsageTable::make(std::uint64_t hash, const UsageKey& key, std::string name,
                                    Time now) {
  if (slots_.empty()) slots_.resize(slots);
  if (entries_.size() >= most) make_room(hour_of(now));
  put(hash, entries_.size());
  entries_.push_back({hash, key.scope, std::string(key.text), std::move(name), {}, now});
  return entries_.back();
}

void UsageTable::make_room(std::int64_t hour) {
  std::vector<std::pair<std::uint64_t, std::size_t>> order;
  order.reserve(entries_.size());
  for (const Entry& entry : entries_)
    order.emplace_back(weight(entry.hours.sum(hour, HourRing::length)), order.size());
  std::nth_element(order.begin(), order.begin() + most / 4, order.end());
  std::vector<Entry> kept;
  kept.reserve(most);
  for (std::size_t i = 0; i < order.size(); ++i) {
    Entry& entry = entries_[order[i].second];
    if (i < most / 4)
      others_.add(entry.hours);
    else
      kept.push_back(std::move(entry));
  }
  entries_ = std::move(kept);
  std::ranges::fill(slots_, Slot());
  for (std::size_t i = 0; i < entries_.size(); ++i) put(entries_[i].hash, i);
}

UsageTable::Page UsageTable::page(std::int64_t hours, Time now) const {
  Page page;
  const auto hour = hour_of(now);
  page.others = others_.sum(hour, hours);
  for (const Entry& entry : entries_) {
    const auto counts = entry.hours.sum(hour, hours);
    if (counts.requests > 0) page.rows.push_back({entry.name, counts, entry.last});
  }
  return page;
}

}  // namespace entrepot::registry
