// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/tls/ticket_keys.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace entrepot::http::tls {
namespace {

TicketKey random_key() {
  TicketKey key{};
  for (const auto& [data, size] :
       {std::pair{key.name.data(), key.name.size()},
        std::pair{key.cipher.data(), key.cipher.size()}, std::pair{key.mac.data(), key.mac.size()}})
    if (RAND_bytes(data, static_cast<int>(size)) != 1)
      throw std::runtime_error("the system gives no random bytes for TLS session tickets");
  return key;
}

bool has_name(const TicketKey& key, const unsigned char* name) {
  return std::equal(key.name.begin(), key.name.end(), name);
}

}  // namespace

TicketKeys::TicketKeys(std::function<Clock::time_point()> now)
    : now_(std::move(now)), newest_(random_key()), made_(now_()) {}

TicketKeys::~TicketKeys() {
  OPENSSL_cleanse(&newest_, sizeof(newest_));
  if (previous_) OPENSSL_cleanse(&*previous_, sizeof(*previous_));
}

void TicketKeys::rotate() {
  const auto age = now_() - made_;
  if (age < period) return;
  const TicketKey next = random_key();
  // A key that nobody asked for in two periods is accepted no more.
  previous_ = age < 2 * period ? std::optional(newest_) : std::nullopt;
  newest_ = next;
  made_ = now_();
}

TicketKey TicketKeys::newest() {
  const MutexLock lock(mutex_);
  rotate();
  return newest_;
}

std::optional<TicketKeys::Found> TicketKeys::find(const unsigned char* name) {
  const MutexLock lock(mutex_);
  rotate();
  if (has_name(newest_, name)) return Found{newest_, false};
  if (previous_ && has_name(*previous_, name)) return Found{*previous_, true};
  return std::nullopt;
}

}  // namespace entrepot::http::tls
