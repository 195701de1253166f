// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "cache/api/requester.h"
#include "cache/base/executor.h"
#include "metrics/metrics.h"
#include "metrics/mutex.h"
#include "metrics/reasons.h"
#include "proxy/access/jwt/verified_jwts.h"
#include "proxy/access/login/authorization.h"
#include "proxy/access/login/verified_logins.h"
#include "proxy/admission/listener_rules.h"
#include "proxy/loop/store_pool.h"

namespace entrepot::admission {

/// Verifies the logins and tokens of requests. Tokens, and passwords and JWTs that were verified
/// before, cost some microseconds at most; other passwords are hashed, and the signatures of other
/// JWTs are verified, on a pool. One object for all listeners; any thread.
///
/// A token, or the password of a Basic login, is a JWT if it has the form of one
/// (access::has_form_of_jwt()) and the listener has issuers. The user of the Basic login is then
/// ignored.
class Logins {
 public:
  /// Requests that may wait for the pool, of one client and in all; further ones get `busy`. A hash
  /// takes 50 ms or more, and a stranger who tries passwords must neither fill memory nor delay the
  /// logins of others for long.
  static constexpr std::size_t most_waiting_each = 64, most_waiting = 1024;

  struct Result {
    metrics::LoginResult result;
    std::string user;  ///< the name that the rules see; for failures, the name in the request
    std::shared_ptr<const access::Identity> identity = {};  ///< of a JWT that is `ok`; else null
    std::string detail = {};  ///< of a JWT that is refused (access::JwtRefusal)
  };
  using Done = std::function<void(Result)>;

  /// `pool` and `metrics` outlive this.
  Logins(loop::StorePool& pool, const metrics::Metrics& metrics) : pool_(pool), metrics_(metrics) {}
  Logins(const Logins&) = delete;
  Logins& operator=(const Logins&) = delete;

  /// `missing` is called on the pool when a token has a key that its issuer may have published
  /// lately. Before the first request.
  void on_missing_key(std::function<void()> missing) { missing_key_ = std::move(missing); }

  /// The one that waits for a result.
  struct Waiter {
    std::uint64_t client;               ///< http::ClientAddress::value()
    cache::Executor& loop;              ///< `done` is called on it
    std::shared_ptr<cache::Left> left;  ///< true once nobody waits: then nothing is verified
    Done done;
  };

  /// The result for `credentials` (not of kind none) by the users, tokens and issuers of `rules`;
  /// nullopt if verify() has to find it out.
  std::optional<Result> recall(const ListenerRules& rules,
                               const access::Authorization& credentials);
  /// Verifies a password or a JWT for which recall() had no result, and calls Waiter::done later:
  /// with `busy` if the waiter has left, or the verification failed. False: too many wait.
  bool verify(const ListenerRules& rules, access::Authorization credentials, Waiter waiter);

 private:
  /// As recall(), without counting the result.
  std::optional<Result> try_memory(const ListenerRules& rules,
                                   const access::Authorization& credentials);
  std::optional<Result> try_jwt(const ListenerRules& rules,
                                const access::Authorization& credentials);
  std::optional<Result> try_token(const ListenerRules& rules,
                                  const access::Authorization& credentials) const;
  std::optional<Result> try_password(const ListenerRules& rules,
                                     const access::Authorization& credentials) const;
  /// The work of the pool.
  Result verify_now(const ListenerRules& rules, const access::Authorization& credentials);
  Result verify_jwt(const ListenerRules& rules, const access::Authorization& credentials);
  Result hash_now(const ListenerRules& rules, const access::Authorization& credentials);
  /// Counts a request that waits. False: too many do.
  bool begin_wait(std::uint64_t client);
  void end_wait(std::uint64_t client);

  loop::StorePool& pool_;
  const metrics::Metrics& metrics_;
  access::VerifiedLogins verified_;
  access::VerifiedJwts verified_jwts_;
  std::function<void()> missing_key_;  // null: no issuer publishes keys

  Mutex mutex_;
  std::unordered_map<std::uint64_t, std::size_t> waiting_ GUARDED_BY(mutex_);  // by client
  std::size_t all_waiting_ GUARDED_BY(mutex_) = 0;
};

}  // namespace entrepot::admission
