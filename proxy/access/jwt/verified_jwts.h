// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstring>
#include <list>
#include <memory>
#include <string_view>
#include <unordered_map>

#include "metrics/mutex.h"
#include "proxy/access/jwt/identity.h"
#include "proxy/access/login/sha256.h"

namespace entrepot::access {

/// Remembers the identities of JWTs that were verified, so that a token costs its signature once
/// and not with each request. It keeps SHA-256 values of tokens, not tokens. When the memory is
/// full, the token that was not used for the longest time leaves it. Thread-safe; the tokens are
/// spread over 16 locks.
class VerifiedJwts {
 public:
  /// A token under the issuers that verified it.
  using Key = Sha256;
  /// `issuers`: Issuers::digest(); other keys or settings make another key of the token.
  static Key key_of(const Sha256& issuers, std::string_view token);

  /// Bytes of all identities together, about 8,000 service accounts of Kubernetes.
  static constexpr std::size_t default_bytes = 16 << 20;
  explicit VerifiedJwts(std::size_t most_bytes = default_bytes);

  /// Null if the token is not remembered. An identity whose token has expired stays until others
  /// displace it; the caller compares Identity::end.
  std::shared_ptr<const Identity> find(const Key& key);
  /// Does nothing for an identity that is too large.
  void remember(const Key& key, const std::shared_ptr<const Identity>& identity);

 private:
  static constexpr std::size_t shard_count = 16;

  struct Entry {
    Key key;
    std::shared_ptr<const Identity> identity;
    std::size_t bytes;
  };
  /// The first bytes of a SHA-256, which are uniformly distributed.
  struct First {
    std::size_t operator()(const Key& key) const {
      std::size_t first = 0;
      std::memcpy(&first, key.data(), sizeof first);
      return first;
    }
  };
  struct Shard {
    Mutex mutex;
    std::list<Entry> entries GUARDED_BY(mutex);  // the one used last is first
    std::unordered_map<Key, std::list<Entry>::iterator, First> by_key GUARDED_BY(mutex);
    std::size_t bytes GUARDED_BY(mutex) = 0;
  };

  Shard& shard_of(const Key& key) { return shards_[key.back() % shard_count]; }

  const std::size_t most_bytes_;  // of a shard
  std::array<Shard, shard_count> shards_;
};

}  // namespace entrepot::access
