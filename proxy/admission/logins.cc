// SPDX-License-Identifier: Apache-2.0
#include "proxy/admission/logins.h"

#include <chrono>
#include <utility>

#include "metrics/exception.h"
#include "proxy/access/login/password_hash.h"

namespace entrepot::admission {
namespace {

using access::AuthorizationKind;
using access::LoginMemory;
using access::TokenState;
using metrics::LoginResult;

std::chrono::sys_seconds now() {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

LoginResult result_of(TokenState state) {
  switch (state) {
    case TokenState::valid:
      return LoginResult::ok;
    case TokenState::expired:
      return LoginResult::expired_token;
    case TokenState::unknown:
      break;
  }
  return LoginResult::unknown_token;
}

LoginResult result_of(access::JwtFault fault) {
  using access::JwtFault;
  switch (fault) {
    case JwtFault::malformed:
      break;
    case JwtFault::algorithm:
      return LoginResult::jwt_algorithm;
    case JwtFault::unknown_issuer:
      return LoginResult::jwt_issuer;
    case JwtFault::unknown_key:
      return LoginResult::jwt_key;
    case JwtFault::signature:
      return LoginResult::jwt_signature;
    case JwtFault::expired:
      return LoginResult::jwt_expired;
    case JwtFault::not_yet:
      return LoginResult::jwt_not_yet;
    case JwtFault::audience:
      return LoginResult::jwt_audience;
    case JwtFault::user:
      return LoginResult::jwt_user;
  }
  return LoginResult::jwt_malformed;
}

bool is_jwt(const ListenerRules& rules, const access::Authorization& credentials) {
  return rules.issuers != nullptr && access::has_form_of_jwt(credentials.secret());
}

/// The sender of a JWT, unless its name is one of the files: names of all logins are one set.
Logins::Result accepted(const ListenerRules& rules,
                        std::shared_ptr<const access::Identity> identity) {
  const std::string& user = identity->user;
  if (rules.users.hash_of(user) != nullptr || rules.tokens.has(user))
    return {
        LoginResult::jwt_user, user, {}, "a user or a token of this listener has the same name"};
  return {LoginResult::ok, user, std::move(identity)};
}

}  // namespace

std::optional<Logins::Result> Logins::recall(const ListenerRules& rules,
                                             const access::Authorization& credentials) {
  auto result = try_memory(rules, credentials);
  if (result) metrics_.logins().logins(result->result).add();
  return result;
}

std::optional<Logins::Result> Logins::try_memory(const ListenerRules& rules,
                                                 const access::Authorization& credentials) {
  if (is_jwt(rules, credentials)) return try_jwt(rules, credentials);
  auto result = try_token(rules, credentials);
  return result ? result : try_password(rules, credentials);
}

/// nullopt: the token is to be verified.
std::optional<Logins::Result> Logins::try_jwt(const ListenerRules& rules,
                                              const access::Authorization& credentials) {
  auto identity = verified_jwts_.find(
      access::VerifiedJwts::key_of(rules.issuers->digest(), credentials.secret()));
  if (identity == nullptr) return std::nullopt;
  if (now() >= identity->end) return Result{LoginResult::jwt_expired, identity->user};
  return accepted(rules, std::move(identity));
}

/// nullopt: the credentials may be a user and a password.
std::optional<Logins::Result> Logins::try_token(const ListenerRules& rules,
                                                const access::Authorization& credentials) const {
  switch (credentials.kind()) {
    case AuthorizationKind::bearer: {
      const auto found = rules.tokens.find(credentials.secret(), now());
      return Result{result_of(found.state), found.token == nullptr ? "" : found.token->name};
    }
    case AuthorizationKind::basic: {
      if (!rules.tokens.has(credentials.user())) return std::nullopt;
      const auto found = rules.tokens.find(credentials.user(), credentials.secret(), now());
      return Result{result_of(found.state), credentials.user()};
    }
    case AuthorizationKind::none:
    case AuthorizationKind::unsupported:
    case AuthorizationKind::malformed:
      break;
  }
  return Result{LoginResult::unsupported, ""};
}

std::optional<Logins::Result> Logins::try_password(const ListenerRules& rules,
                                                   const access::Authorization& credentials) const {
  if (rules.users.size() == 0) return Result{LoginResult::unknown_user, credentials.user()};
  const std::string* hash = rules.users.hash_of(credentials.user());
  switch (verified_.recall(credentials.user(), credentials.secret(),
                           hash == nullptr ? std::string_view() : std::string_view(*hash),
                           access::VerifiedLogins::Clock::now())) {
    case LoginMemory::right:
      return Result{LoginResult::ok, credentials.user()};
    case LoginMemory::wrong:
      return Result{hash == nullptr ? LoginResult::unknown_user : LoginResult::wrong_password,
                    credentials.user()};
    case LoginMemory::none:
      break;
  }
  return std::nullopt;
}

bool Logins::verify(const ListenerRules& rules, access::Authorization credentials, Waiter waiter) {
  if (!begin_wait(waiter.client)) {
    metrics_.logins().logins(LoginResult::busy).add();
    return false;
  }
  // A job has to be copyable, and credentials are not.
  const auto shared = std::make_shared<const access::Authorization>(std::move(credentials));
  pool_.post(
      [this, shared, rules = rules.shared_from_this(), waiter = std::move(waiter)]() mutable {
        end_wait(waiter.client);
        const bool left = waiter.left->load(std::memory_order_relaxed);
        std::optional<Result> result;
        run_then(
            [&] {
              if (left) return;
              // Many nodes with one account may begin at once; the first of them had it verified.
              result = try_memory(*rules, *shared);
              if (!result) result = verify_now(*rules, *shared);
            },
            [&] {
              if (!result) result = Result{LoginResult::busy, shared->user()};
              if (!left) metrics_.logins().logins(result->result).add();
              // Moved: what `done` holds belongs to the loop.
              waiter.loop.post(
                  [result = *std::move(result), done = std::move(waiter.done)] { done(result); });
            });
      });
  return true;
}

Logins::Result Logins::verify_now(const ListenerRules& rules,
                                  const access::Authorization& credentials) {
  return is_jwt(rules, credentials) ? verify_jwt(rules, credentials) : hash_now(rules, credentials);
}

Logins::Result Logins::verify_jwt(const ListenerRules& rules,
                                  const access::Authorization& credentials) {
  auto verified = rules.issuers->verify(credentials.secret(), now());
  if (const auto* refusal = std::get_if<access::JwtRefusal>(&verified)) {
    if (refusal->keys_may_be_old && missing_key_) missing_key_();
    return {result_of(refusal->fault),
            refusal->user.empty() ? credentials.user() : refusal->user,
            {},
            refusal->detail};
  }
  const auto identity =
      std::make_shared<const access::Identity>(std::get<access::Identity>(std::move(verified)));
  verified_jwts_.remember(
      access::VerifiedJwts::key_of(rules.issuers->digest(), credentials.secret()), identity);
  return accepted(rules, identity);
}

Logins::Result Logins::hash_now(const ListenerRules& rules,
                                const access::Authorization& credentials) {
  const std::string& user = credentials.user();
  const std::string* const known = rules.users.hash_of(user);
  // An unknown user takes as long as a known one, so that the time tells no names.
  const bool right =
      access::verify(credentials.secret(), known == nullptr ? rules.users.any_hash() : *known) &&
      known != nullptr;
  verified_.remember(user, credentials.secret(),
                     known == nullptr ? std::string_view() : std::string_view(*known), right,
                     access::VerifiedLogins::Clock::now());
  const auto failure = known == nullptr ? LoginResult::unknown_user : LoginResult::wrong_password;
  return {right ? LoginResult::ok : failure, user};
}

bool Logins::begin_wait(std::uint64_t client) {
  const MutexLock lock(mutex_);
  std::size_t& own = waiting_[client];
  if (own >= most_waiting_each || all_waiting_ >= most_waiting) {
    if (own == 0) waiting_.erase(client);
    return false;
  }
  ++own;
  ++all_waiting_;
  return true;
}

void Logins::end_wait(std::uint64_t client) {
  const MutexLock lock(mutex_);
  --all_waiting_;
  const auto found = waiting_.find(client);
  if (--found->second == 0) waiting_.erase(found);
}

}  // namespace entrepot::admission
