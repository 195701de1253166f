// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "proxy/upstream/account/account.h"
#include "proxy/upstream/auth/auth_scheme.h"
#include "proxy/upstream/auth/waiter_list.h"
#include "proxy/upstream/transfer/timer.h"

namespace entrepot::upstream {

/// Waits for the verdict of a check of an account.
class VerdictSink {
 public:
  virtual ~VerdictSink() = default;
  /// Once, from the top level of the loop.
  virtual void on_account_verdict(AccountVerdict verdict) = 0;
};
using VerdictWait = WaiterList<VerdictSink>::Wait;

/// Makes checks (AccountChecks).
class AccountChecker {
 public:
  virtual ~AccountChecker() = default;
  /// See AccountCheck::request().
  [[nodiscard]] virtual std::unique_ptr<VerdictWait> check(const Account& account,
                                                           VerdictSink& sink,
                                                           const AuthScheme* tried) = 0;
};

/// The right of one login to send the password of its account now (PasswordProof), from take() to
/// ended(). A login that has waited for password_wait() gets it whatever the others do: an
/// endpoint that does not answer one request must not stop all. Loop thread only; destroying it
/// gives the right back.
class PasswordTurn : private Account::TurnSink, private VerdictSink {
 public:
  class Sink {
   public:
    virtual ~Sink() = default;
    /// The wait is over: take() again. From the top level of the loop.
    virtual void on_password_turn() = 0;
  };
  enum class Answer : std::uint8_t {
    go,       ///< send the password, then call ended()
    wait,     ///< for the sink
    refused,  ///< the endpoint refuses the account
  };

  /// All outlive this. `longest`: password_wait().
  PasswordTurn(event_base* base, std::chrono::milliseconds longest, AccountChecker& checks,
               Sink& sink)
      : checks_(checks), sink_(sink), longest_(longest), timer_(base, [this] {
          patience_ = Patience::over;
          sink_.on_password_turn();
        }) {}
  ~PasswordTurn() override { drop(); }
  PasswordTurn(const PasswordTurn&) = delete;
  PasswordTurn& operator=(const PasswordTurn&) = delete;

  /// `account` has a credential. `tried`: see AccountCheck::request().
  Answer take(Account& account, const AuthScheme& tried);
  /// The response has come. Does nothing without a right.
  void ended(PasswordEnd end);
  /// Gives the right back without a response, and ends the waiting.
  void drop();

 private:
  enum class Patience : std::uint8_t {
    fresh,    ///< it does not wait
    waiting,  ///< the timer runs
    over,     ///< the timer has ended
  };

  void release();
  void wait();
  void on_turn() override { sink_.on_password_turn(); }
  void on_account_verdict(AccountVerdict /*verdict*/) override { sink_.on_password_turn(); }

  AccountChecker& checks_;
  Sink& sink_;
  const std::chrono::milliseconds longest_;
  Patience patience_ = Patience::fresh;
  Timer timer_;
  Account* account_ = nullptr;  ///< while it has the right
  bool leads_ = false;
  std::unique_ptr<WaiterList<Account::TurnSink>::Wait> turn_wait_;
  std::unique_ptr<VerdictWait> check_wait_;
};

}  // namespace entrepot::upstream
