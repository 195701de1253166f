// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "cache/api/requester.h"
#include "cache/base/executor.h"
#include "metrics/metrics.h"
#include "metrics/mutex.h"
#include "metrics/reasons.h"
#include "proxy/access/login/authorization.h"
#include "proxy/access/login/verified_logins.h"
#include "proxy/loop/store_pool.h"
#include "proxy/registry/admission/listener_rules.h"

namespace entrepot::registry {

/// Verifies the logins and tokens of requests. Tokens, and passwords that were verified before,
/// cost about a microsecond; other passwords are hashed on a pool. One object for all listeners;
/// any thread.
class Logins {
 public:
  /// Requests that may wait for a hash, of one client and in all; further ones get `busy`. A hash
  /// takes 50 ms or more, and a stranger who tries passwords must neither fill memory nor delay the
  /// logins of others for long.
  static constexpr std::size_t most_waiting_each = 64, most_waiting = 1024;

  struct Result {
    metrics::LoginResult result;
    std::string user;  ///< the name that the rules see; for failures, the name in the request
  };
  using Done = std::function<void(Result)>;

  /// `pool` and `metrics` outlive this.
  Logins(loop::StorePool& pool, const metrics::Metrics& metrics) : pool_(pool), metrics_(metrics) {}
  Logins(const Logins&) = delete;
  Logins& operator=(const Logins&) = delete;

  /// The one that waits for a result.
  struct Waiter {
    std::uint64_t client;               ///< http::ClientAddress::value()
    cache::Executor& loop;              ///< `done` is called on it
    std::shared_ptr<cache::Left> left;  ///< true once nobody waits: then nothing is hashed
    Done done;
  };

  /// The result for `credentials` (not of kind none) by the users and tokens of `rules`; nullopt if
  /// a password has to be hashed.
  std::optional<Result> recall(const ListenerRules& rules,
                               const access::Authorization& credentials) const;
  /// Hashes a password for which recall() had no result, and calls Waiter::done later: with `busy`
  /// if the waiter has left, or the hash failed. False: too many passwords wait.
  bool hash(const ListenerRules& rules, access::Authorization credentials, Waiter waiter);

 private:
  std::optional<Result> try_token(const ListenerRules& rules,
                                  const access::Authorization& credentials) const;
  std::optional<Result> try_password(const ListenerRules& rules,
                                     const access::Authorization& credentials) const;
  Result hash_now(const ListenerRules& rules, const access::Authorization& credentials);
  /// Counts a request that waits. False: too many do.
  bool begin_wait(std::uint64_t client);
  void end_wait(std::uint64_t client);

  loop::StorePool& pool_;
  const metrics::Metrics& metrics_;
  access::VerifiedLogins verified_;

  Mutex mutex_;
  std::unordered_map<std::uint64_t, std::size_t> waiting_ GUARDED_BY(mutex_);  // by client
  std::size_t all_waiting_ GUARDED_BY(mutex_) = 0;
};

}  // namespace entrepot::registry
