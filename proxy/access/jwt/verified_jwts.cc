// SPDX-License-Identifier: Apache-2.0
#include "proxy/access/jwt/verified_jwts.h"

#include <string>

namespace entrepot::access {
namespace {

/// The size of an entry without its identity: nodes of the list and of the map.
constexpr std::size_t entry_overhead = 192;

std::string_view view_of(const Sha256& hash) {
  return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}

}  // namespace

VerifiedJwts::Key VerifiedJwts::key_of(const Sha256& issuers, std::string_view token) {
  std::string both(view_of(issuers));
  both += view_of(sha256_of(token));
  return sha256_of(both);
}

VerifiedJwts::VerifiedJwts(std::size_t most_bytes) : most_bytes_(most_bytes / shard_count) {}

std::shared_ptr<const Identity> VerifiedJwts::find(const Key& key) {
  Shard& shard = shard_of(key);
  const MutexLock lock(shard.mutex);
  const auto found = shard.by_key.find(key);
  if (found == shard.by_key.end()) return nullptr;
  shard.entries.splice(shard.entries.begin(), shard.entries, found->second);
  return found->second->identity;
}

void VerifiedJwts::remember(const Key& key, const std::shared_ptr<const Identity>& identity) {
  const std::size_t bytes = identity->bytes() + entry_overhead;
  if (bytes > most_bytes_) return;
  Shard& shard = shard_of(key);
  const MutexLock lock(shard.mutex);
  if (shard.by_key.contains(key)) return;  // two requests had it verified
  while (shard.bytes + bytes > most_bytes_) {
    shard.bytes -= shard.entries.back().bytes;
    shard.by_key.erase(shard.entries.back().key);
    shard.entries.pop_back();
  }
  shard.entries.push_front({key, identity, bytes});
  shard.by_key.emplace(key, shard.entries.begin());
  shard.bytes += bytes;
}

}  // namespace entrepot::access
