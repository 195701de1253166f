// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/client/clients.h"

#include <algorithm>
#include <utility>

#include "metrics/log.h"
#include "metrics/mutex.h"

namespace entrepot::http {

Clients::Admission Clients::admit(ClientAddress address, Role role) {
  const std::size_t others = open_.fetch_add(1, std::memory_order_relaxed);
  const std::size_t most_of_all = most_.load(std::memory_order_relaxed);
  Verdict verdict = Verdict::full;
  if (others < most_of_all) {
    Shard& shard = shard_of(address);
    const MutexLock lock(shard.mutex);
    Entry& entry = shard.entries[address];
    const std::size_t free = most_of_all - others;
    const std::size_t most =
        std::max({most_each_.load(std::memory_order_relaxed), free, std::size_t{1}});
    if (role == Role::proxy || entry.connections < most) {
      ++entry.all;
      if (role == Role::client) ++entry.connections;
      return {Verdict::admitted, false, Share(*this, address, role, &entry)};
    }
    verdict = Verdict::over_share;
    if (entry.lines.take())
      log::warn(
          "client {} holds {} of {} connections and gets no more while so few are free "
          "(limits.connections_per_client)",
          address.text(), entry.connections, most_of_all);
  }
  open_.fetch_sub(1, std::memory_order_relaxed);
  const bool told = leaving_.fetch_add(1, std::memory_order_relaxed) < most_told;
  return {verdict, told, Share(*this, address, role, nullptr)};
}

void Clients::leave(ClientAddress address, Role role) {
  Shard& shard = shard_of(address);
  const MutexLock lock(shard.mutex);
  const auto entry = shard.entries.find(address);
  if (role == Role::client) --entry->second.connections;
  if (--entry->second.all == 0) shard.entries.erase(entry);
}

Clients::Share::Share(Share&& other) noexcept
    : clients_(std::exchange(other.clients_, nullptr)),
      address_(other.address_),
      role_(other.role_),
      entry_(std::exchange(other.entry_, nullptr)),
      head_(std::exchange(other.head_, 0)) {}

Clients::Share& Clients::Share::operator=(Share&& other) noexcept {
  if (this == &other) return *this;
  release();
  clients_ = std::exchange(other.clients_, nullptr);
  address_ = other.address_;
  role_ = other.role_;
  entry_ = std::exchange(other.entry_, nullptr);
  head_ = std::exchange(other.head_, 0);
  return *this;
}

Clients::Verdict Clients::Share::hold_head(std::size_t bytes) {
  if (entry_ == nullptr || bytes == head_) return Verdict::admitted;
  const std::size_t more = bytes - head_;  // modulo 2^64 if it is less
  const std::size_t all = clients_->heads_.fetch_add(more, std::memory_order_relaxed) + more;
  const std::size_t own = entry_->heads.fetch_add(more, std::memory_order_relaxed) + more;
  const std::size_t most = clients_->most_heads_;
  const bool own_fits = role_ == Role::proxy || own <= most / 2;
  if (bytes < head_ || (all <= most && own_fits)) {
    head_ = bytes;
    return Verdict::admitted;
  }
  clients_->heads_.fetch_sub(more, std::memory_order_relaxed);
  entry_->heads.fetch_sub(more, std::memory_order_relaxed);
  if (entry_->lines.take())
    log::warn(
        "client {} has request heads of {} KiB under way, all clients together {} KiB; more large "
        "ones are answered 429, or 503 if others hold the memory",
        address_.text(), (own - more) / 1024, (all - more) / 1024);
  return own_fits ? Verdict::full : Verdict::over_share;
}

void Clients::Share::end_request() {
  if (head_ > 0) hold_head(0);
}

void Clients::Share::release() {
  if (clients_ == nullptr) return;
  end_request();
  Clients& clients = *std::exchange(clients_, nullptr);
  if (std::exchange(entry_, nullptr) != nullptr) {
    clients.leave(address_, role_);
    clients.open_.fetch_sub(1, std::memory_order_relaxed);
  } else {
    clients.leaving_.fetch_sub(1, std::memory_order_relaxed);
  }
}

}  // namespace entrepot::http
