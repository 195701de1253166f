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
#include "proxy/upstream/auth/base_challenge.h"
#include "proxy/upstream/auth/tokens.h"
#include "proxy/upstream/endpoint/endpoint.h"
#include "proxy/upstream/wire/response_head.h"
#include "proxy/upstream/wire/url.h"

namespace entrepot::upstream {

/// Takes what a Login comes to. Each call may come from within a call to the Login, and may destroy
/// it.
class LoginSink {
 public:
  virtual ~LoginSink() = default;
  /// The question can be put, with Login::authorization().
  virtual void on_login() = 0;
  /// Nothing can be sent that would change the answer: it counts.
  virtual void on_answer_stands() = 0;
  /// The question cannot be put: no token can be had.
  virtual void on_no_token(cache::Failure failure) = 0;
  /// Who waits: as in TokenSink.
  virtual const cache::Demand* login_demand() const = 0;
  virtual const std::vector<cache::Client>& login_clients() const = 0;
};

/// What one question sends as its Authorization, first by what the endpoint has been seen to want,
/// then by the challenge it is answered with. Each way is tried once, and one new token is asked
/// for where one was refused:
///
///   a scheme is remembered → its token or password ─ no token ─┐
///   none is remembered ────────────────────────────────────────┴→ nothing
///   401 with a challenge → that challenge's token or password
///   401 without; 403 or 404 to the anonymous user where there is an account
///                        → the challenge of the endpoint's /v2/
///
/// A scheme is remembered once an answer was had by it, and forgotten when it gives no token and
/// the endpoint does not name it again. A password goes to the endpoint's origin and to a realm
/// that realm_refusal() lets pass (realm.h), nowhere else. Loop thread only; destroying it ends all
/// calls.
class Login : private TokenSink, private BaseChallenge::Sink {
 public:
  /// `endpoint` and `sink` outlive this. `repository`: the scope of the token. `what` names the
  /// question in messages.
  Login(Endpoint& endpoint, std::string repository, std::string what, LoginSink& sink);
  ~Login() override;
  Login(const Login&) = delete;
  Login& operator=(const Login&) = delete;

  // Each ends in one call to the sink.
  /// The endpoint is asked on behalf of `account`: for the first time, again after a redirect, or
  /// as another account.
  void begin(Account& account);
  /// The endpoint has answered 401.
  void refused(const ResponseHead& head);
  /// The endpoint has answered 403 or 404: perhaps because it was asked by nobody.
  void hidden(const ResponseHead& head);
  /// Another origin, to which the endpoint redirects, has answered 401. Its token is asked for
  /// without a credential, and once (registry.k8s.io).
  void refused_by_hop(const Url& hop, const ResponseHead& head);

  /// The endpoint has answered; before refused() and hidden().
  void answered(int status);
  /// What follows goes to another origin: no Authorization.
  void leave();
  void wanted_by(cache::Client client);

  /// The value to send; empty: none.
  const std::string& authorization() const { return authorization_; }
  /// The answer to what is sent is one to the account, not to the anonymous user beside it.
  bool as_account() const {
    return account_->credential() == nullptr || (!authorization_.empty() && !anonymous_);
  }

 private:
  enum class Stage : std::uint8_t {
    bare,        ///< nothing is sent
    remembered,  ///< what the endpoint has wanted before
    challenged,  ///< what this question's challenge wants
    hop,         ///< what another origin's challenge wants
  };
  /// Why the remembered scheme gave no token.
  struct NoToken {
    AuthScheme scheme;
    std::optional<TokenKey> key;  ///< nullopt: its server must not be asked
    cache::Failure failure;
  };

  void on_token(const TokenResult& result) override;
  void on_base_answer(const BaseAnswer& answer) override;
  const cache::Demand* demand() const override { return sink_.login_demand(); }
  const std::vector<cache::Client>& clients() const override { return sink_.login_clients(); }

  // Steps: nothing follows one.
  void go_bare();
  void follow(AuthScheme scheme, Stage stage);
  void ask_token();
  void use_token(const Grant& grant);
  std::optional<cache::Failure> token_limit() const;
  void ask_base();
  void no_token(cache::Failure failure);

  Tokens& tokens() {
    return stage_ == Stage::hop ? endpoint_.anonymous_tokens() : account_->tokens();
  }
  /// Sets key_; or why the scheme's server must not be asked. `asker` has named it.
  std::optional<cache::Failure> choose_key(const Url& asker);
  std::optional<AuthScheme> scheme_for(std::span<const Challenge> challenges) const;
  void forget_failed();

  Endpoint& endpoint_;
  const std::string repository_;
  const std::string what_;
  LoginSink& sink_;

  Account* account_ = nullptr;  ///< from begin() on
  Stage stage_ = Stage::bare;
  std::optional<AuthScheme> scheme_;  ///< that is followed; nullopt: none
  std::optional<TokenKey> key_;       ///< of its token
  std::string authorization_;
  std::uint64_t serial_ = 0;    ///< of the token in it
  bool anonymous_ = false;      ///< Grant::anonymous of it
  int status_ = 0;              ///< of the answer that is thought about
  std::uint64_t refused_ = 0;   ///< serial of the token the endpoint did not accept
  bool basic_refused_ = false;  ///< the password was refused
  bool base_asked_ = false;     ///< /v2/ has told what it knows
  bool hop_token_ = false;      ///< an anonymous token for a hop was had
  std::optional<NoToken> failed_;
  std::unique_ptr<Tokens::Wait> wait_;
  std::unique_ptr<BaseChallenge::Wait> base_wait_;
};

}  // namespace entrepot::upstream
