// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cache/base/failure.h"
#include "proxy/upstream/account/password_turn.h"
#include "proxy/upstream/auth/base_challenge.h"
#include "proxy/upstream/auth/tokens.h"
#include "proxy/upstream/endpoint/endpoint.h"
#include "proxy/upstream/wire/response_head.h"
#include "proxy/upstream/wire/url.h"

namespace entrepot::upstream {

/// The clients that wait for a request.
struct Waiters {
  std::vector<cache::Client> clients = {};  ///< see TransferRequest
  const cache::Demand* demand = nullptr;    ///< see TransferRequest

  /// Adds `client` unless it is one of them, or there are TransferRequest::most_clients.
  void add(cache::Client client);
};

/// The decision of a Login.
struct LoginResult {
  enum class Kind : std::uint8_t {
    send,            ///< send the request, with Login::authorization()
    refusal_stands,  ///< no other login would change the response
    account_unsent,  ///< as well, but to the anonymous user: /v2/ fails and names no login
    login_unknown,   ///< a 404 to the anonymous user, and /v2/, which may name a login, fails
    no_token,        ///< the request cannot be sent: see `failure`
  };
  Kind kind = Kind::send;
  cache::Failure failure = {};
};

/// Receives the decisions of a Login, from within a call to it too. May destroy it.
class LoginSink {
 public:
  virtual ~LoginSink() = default;
  virtual void on_login(LoginResult result) = 0;
};

/// Chooses the Authorization of one request: first by the scheme that the endpoint is known to
/// want, then by the challenge in its response. Tries each way once, and requests one new token
/// where the endpoint refused one:
///
///   a scheme is remembered → its token or password ─ no token ─┐
///   the endpoint is a mirror, and there is an account → Basic  │
///   none is remembered ────────────────────────────────────────┴→ nothing
///   401 with a challenge → that challenge's token or password
///   401 without; 403 or 404 to the anonymous user where there is an account
///                        → the challenge of the endpoint's /v2/
///
/// A scheme is remembered once it led to a response, and forgotten when it gives no token and the
/// endpoint does not name it again. A password goes to the endpoint's origin and to a realm that
/// realm_refusal() allows (realm.h), nowhere else, and only when it is its turn (PasswordTurn).
/// Loop thread only; destroying it ends all calls.
class Login : private TokenSink, private BaseChallenge::Sink, private PasswordTurn::Sink {
 public:
  /// All references outlive this. `repository`: the scope of the token. `what` names the request in
  /// messages.
  Login(Endpoint& endpoint, std::string repository, std::string what, const Waiters& waiters,
        LoginSink& sink);
  ~Login() override;

  // Each ends in one call to the sink.
  /// Logs in as `account`: for the first request, after a redirect, or as another account.
  void begin(Account& account);
  /// The endpoint's response is a 401.
  void refused(const ResponseHead& head);
  /// The endpoint's response is a 403 or 404, perhaps because the request was anonymous.
  void hidden(const ResponseHead& head);
  /// The response of another origin, to which the endpoint redirects, is a 401. Requests a token of
  /// its realm once, without a credential (registry.k8s.io).
  void refused_by_hop(const Url& hop, const ResponseHead& head);

  /// The endpoint responded; before refused() and hidden().
  void answered(int status);
  /// The next request goes to another origin: no Authorization.
  void leave();
  void wanted_by(cache::Client client);

  /// The value to send; empty: none.
  const std::string& authorization() const { return sent_.authorization; }
  /// The scheme that was tried last; null: none.
  const AuthScheme* tried() const {
    return scheme_ ? &*scheme_ : failed_ ? &failed_->scheme : nullptr;
  }
  /// The current request is the account's, not an anonymous one.
  bool as_account() const {
    return account_->credential() == nullptr || (!sent_.authorization.empty() && !sent_.anonymous);
  }

 private:
  enum class Stage : std::uint8_t {
    bare,        ///< nothing is sent
    remembered,  ///< by the endpoint's known scheme
    challenged,  ///< by the challenge in this request's response
    hop,         ///< by another origin's challenge
  };
  /// Why the remembered scheme gave no token.
  struct NoToken {
    AuthScheme scheme;
    std::optional<TokenKey> key;  ///< nullopt: its server is forbidden
    cache::Failure failure;
  };

  void on_token(const TokenResult& result) override;
  void on_base_answer(const BaseAnswer& answer) override;
  void on_password_turn() override;
  const cache::Demand* demand() const override { return waiters_.demand; }
  const std::vector<cache::Client>& clients() const override { return waiters_.clients; }

  // Steps: nothing follows one.
  void follow(AuthScheme scheme, Stage stage);
  void request_token(const Url& asker);
  /// True: the password may be sent now. False: a step has been taken.
  bool my_turn();
  void use_token(const Grant& grant);
  void request_base_challenge();
  void no_token(cache::Failure failure);

  Tokens& tokens() {
    return stage_ == Stage::hop ? endpoint_.accounts().anonymous().tokens() : account_->tokens();
  }
  void forget_failed();

  Endpoint& endpoint_;
  const std::string repository_;
  const std::string what_;
  const Waiters& waiters_;
  LoginSink& sink_;

  Account* account_ = nullptr;  ///< from begin() on
  Stage stage_ = Stage::bare;
  std::optional<AuthScheme> scheme_;  ///< of the Authorization; nullopt: none
  std::optional<TokenKey> key_;       ///< of its token
  Grant sent_;                        ///< the Authorization; serial 0: no token is in it
  int status_ = 0;                    ///< of the response that is judged
  std::uint64_t refused_ = 0;         ///< serial of the token the endpoint did not accept
  bool basic_refused_ = false;        ///< the password was refused
  bool base_known_ = false;           ///< the challenge of /v2/ was used
  bool hop_token_ = false;            ///< an anonymous token for a hop was requested
  std::optional<NoToken> failed_;
  std::unique_ptr<Tokens::Wait> wait_;
  std::unique_ptr<BaseChallenge::Wait> base_wait_;
  PasswordTurn turn_;
};

}  // namespace entrepot::upstream
