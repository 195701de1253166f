// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "metrics/metrics.h"
#include "metrics/mutex.h"
#include "proxy/base/secret.h"
#include "proxy/loop/loop.h"
#include "proxy/upstream/account/account_health.h"
#include "proxy/upstream/account/password_proof.h"
#include "proxy/upstream/account/saving_watch.h"
#include "proxy/upstream/wire/credential.h"

namespace entrepot::upstream {

/// The knowledge of all fetch loops about one account, or the anonymous user, at one endpoint:
/// whether it is refused, who checks it, who may send its password, and whether its rate limit is
/// saved. So a refused account counts once, and is checked once, and a saving has one line.
/// It survives a reload that leaves name and password as they were. Thread-safe.
class AccountRecord {
 public:
  using Time = AccountHealth::Time;
  /// Called on its loop after each change; dropped once the owner has destroyed it.
  using Listener = std::shared_ptr<const std::function<void()>>;

  explicit AccountRecord(const Timeouts& timeouts) : health_(timeouts) {}
  AccountRecord(const AccountRecord&) = delete;
  AccountRecord& operator=(const AccountRecord&) = delete;

  /// An endpoint object uses it from now on, and no longer. While one does, a refused account
  /// counts in `metrics`, those of the last one that joined.
  void join(const metrics::EndpointMetrics& metrics);
  void leave();
  /// `loop` outlives the listener.
  void listen(loop::Loop& loop, const Listener& listener);

  // See AccountHealth.
  bool refused() const;
  Time since() const;
  std::chrono::milliseconds pause() const;
  /// `accepted` only if accepted_since(`since`).
  std::optional<AccountVerdict> known(Time now, Time since = {}) const;
  /// The last check accepted the account, and began at `since` or later. A verdict older than a
  /// refusal says nothing about that refusal: the password may have been changed in between.
  bool accepted_since(Time since) const;
  /// True: the caller checks the account now, and ends with end_check() or abandon_check(). False:
  /// another one does, or known(`now`, `since`) has the verdict; the listener is called at the end.
  bool begin_check(Time now, Time since = {});
  /// The same for a check that is due (AccountHealth::check_due). False: none is, or another one
  /// makes it.
  bool begin_due_check(Time now);
  /// True: as AccountHealth::judged().
  bool end_check(AccountVerdict verdict, Time now);
  void abandon_check();
  bool checking() const;

  /// See PasswordProof. nullopt: the account is refused.
  std::optional<PasswordProof::Step> next_step();
  void password_ended(bool leads, PasswordEnd end, Time now);

  /// See SavingWatch::look(). `budget` is that of the calling loop.
  SavingWatch::Change look_at_saving(const RateBudget& budget, Time now);

 private:
  void notify() REQUIRES(mutex_);
  void publish() REQUIRES(mutex_);
  std::optional<AccountVerdict> known_since(Time now, Time since) const REQUIRES(mutex_);

  mutable Mutex mutex_;
  AccountHealth health_ GUARDED_BY(mutex_);
  PasswordProof proof_ GUARDED_BY(mutex_);
  SavingWatch saving_ GUARDED_BY(mutex_);
  bool checking_ GUARDED_BY(mutex_) = false;
  Time check_began_ GUARDED_BY(mutex_){};            ///< of the running check
  std::optional<Time> accepted_ GUARDED_BY(mutex_);  ///< begin of the last check, if it accepted
  int users_ GUARDED_BY(mutex_) = 0;
  int published_ GUARDED_BY(mutex_) = 0;  ///< our share of the gauge: 0 or 1
  std::optional<metrics::EndpointMetrics> metrics_ GUARDED_BY(mutex_);
  std::vector<std::pair<loop::Loop*, std::weak_ptr<const std::function<void()>>>> listeners_
      GUARDED_BY(mutex_);
};

/// The records of all accounts that are in use, for the sources of all fetch loops. Holds no
/// password. Thread-safe.
class AccountRecords {
 public:
  /// The record of this credential at the endpoint with this label: the same one as long as a
  /// pointer to it exists.
  std::shared_ptr<AccountRecord> of(const std::string& upstream, const std::string& endpoint,
                                    const Credential& credential, const Timeouts& timeouts);
  /// The same for the anonymous user.
  std::shared_ptr<AccountRecord> of_anonymous(const std::string& upstream,
                                              const std::string& endpoint,
                                              const Timeouts& timeouts);

 private:
  /// Upstream, endpoint, user name, and the mark of the password.
  using Key = std::array<std::string, 4>;

  std::shared_ptr<AccountRecord> with(Key key, const Timeouts& timeouts);

  const SecretMarks marks_;
  Mutex mutex_;
  std::map<Key, std::weak_ptr<AccountRecord>> records_ GUARDED_BY(mutex_);
};

}  // namespace entrepot::upstream
