// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/client/client_shares.h"

#include <algorithm>
#include <random>
#include <utility>

#include "metrics/log.h"
#include "metrics/printable.h"

namespace entrepot::http {
namespace {

/// For the log, where a name must not look like the rest of the line.
std::string in_quotes(std::string_view name) {
  std::string text = "\"";
  for (const char c : name) {
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  return printable(text) + '"';
}

}  // namespace

ClientShares::ClientShares(const ShareLimits& limits)
    : requests_each_(limits.requests_each),
      misses_each_(limits.misses_each),
      bandwidth_each_(limits.bandwidth_each),
      seed_(std::random_device()()) {}

void ClientShares::set_limits(const ShareLimits& limits) {
  requests_each_ = limits.requests_each;
  misses_each_ = limits.misses_each;
  if (bandwidth_each_.exchange(limits.bandwidth_each) == limits.bandwidth_each) return;
  // enter() reads the rate under the same lock, so no entry misses it.
  for (Shard& shard : shards_) {
    const MutexLock lock(shard.mutex);
    for (auto& [key, entry] : shard.entries) entry.pace.set_rate(limits.bandwidth_each);
  }
}

ClientAddress ClientShares::client_of(const Key& key) const {
  if (key.name.empty()) return key.address;
  // A name of one's choice must not get the number of another client.
  const auto number = std::hash<std::string>()(std::to_string(seed_) + '\0' + key.name);
  return ClientAddress::of_name(static_cast<std::uint32_t>(number));
}

std::size_t ClientShares::size() const {
  std::size_t sum = 0;
  for (const Shard& shard : shards_) {
    const MutexLock lock(shard.mutex);
    sum += shard.entries.size();
  }
  return sum;
}

ClientShares::Entries::value_type& ClientShares::enter(Key key) {
  Shard& shard = shard_of(key);
  const MutexLock lock(shard.mutex);
  if (shard.entries.size() >= shard.sweep_at) {
    sweep(shard.entries);
    shard.sweep_at = std::max<std::size_t>(64, 2 * shard.entries.size());
  }
  const auto [found, is_new] = shard.entries.try_emplace(std::move(key));
  Entry& entry = found->second;
  if (is_new) {
    entry.client = client_of(found->first);
    entry.pace.set_rate(bandwidth_each_);
  }
  ++entry.holds;
  return *found;
}

/// An entry that owes bytes stays, so that a new connection brings no new burst.
void ClientShares::leave(Entries::value_type& entry) {
  Shard& shard = shard_of(entry.first);
  const MutexLock lock(shard.mutex);
  if (--entry.second.holds > 0) return;
  if (entry.second.pace.rate() > 0 && !entry.second.pace.rested(Clock::now())) return;
  shard.entries.erase(shard.entries.find(entry.first));
}

void ClientShares::sweep(Entries& entries) {
  const Clock::time_point now = Clock::now();
  std::erase_if(entries, [now](const auto& entry) {
    return entry.second.holds == 0 && entry.second.pace.rested(now);
  });
}

bool ClientShares::count(std::atomic<std::size_t>& counter, std::size_t most) {
  if (counter.fetch_add(1, std::memory_order_relaxed) < most) return true;
  counter.fetch_sub(1, std::memory_order_relaxed);
  return false;
}

void ClientShares::tell(Entries::value_type& entry, std::size_t most, std::string_view things,
                        std::string_view key) {
  if (!entry.second.lines.take()) return;
  const auto& [address, name] = entry.first;
  log::warn("client {} has {} {}; more are answered 429 ({})",
            name.empty() ? address.text() : in_quotes(name), most, things, key);
}

bool ClientShares::Hold::is(ClientAddress address, std::string_view name) const {
  if (entry_ == nullptr || entry_->first.name != name) return false;
  return !name.empty() || entry_->first.address == address;
}

bool ClientShares::Hold::begin_request(ClientAddress address, std::string_view name) {
  if (shares_ == nullptr || request_) return true;
  if (!is(address, name)) {
    release();
    entry_ = &shares_->enter({name.empty() ? address : ClientAddress(), std::string(name)});
  }
  const std::size_t most = shares_->requests_each_.load(std::memory_order_relaxed);
  if (count(entry_->second.requests, most)) return request_ = true;
  tell(*entry_, most, "requests in progress", "limits.requests_per_client");
  return false;
}

bool ClientShares::Hold::begin_miss() {
  if (!request_ || miss_) return true;
  const std::size_t most = shares_->misses_each_.load(std::memory_order_relaxed);
  if (count(entry_->second.misses, most)) return miss_ = true;
  tell(*entry_, most, "requests in progress that wait for an upstream", "limits.misses_per_client");
  return false;
}

void ClientShares::Hold::end_request() {
  if (std::exchange(miss_, false)) entry_->second.misses.fetch_sub(1, std::memory_order_relaxed);
  if (std::exchange(request_, false))
    entry_->second.requests.fetch_sub(1, std::memory_order_relaxed);
}

void ClientShares::Hold::release() {
  end_request();
  if (auto* entry = std::exchange(entry_, nullptr)) shares_->leave(*entry);
}

Pace* ClientShares::Hold::pace() const {
  return request_ && entry_->second.pace.rate() > 0 ? &entry_->second.pace : nullptr;
}

}  // namespace entrepot::http
