// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/account/account_record.h"

#include <utility>

namespace entrepot::upstream {

void AccountRecord::join(const metrics::EndpointMetrics& metrics) {
  const MutexLock lock(mutex_);
  ++users_;
  // The series of the endpoint may have ended and begun again since another one joined.
  if (std::exchange(published_, 0) == 1) metrics_->accounts_denied().add(-1);
  metrics_ = metrics;
  publish();
}

void AccountRecord::leave() {
  const MutexLock lock(mutex_);
  --users_;
  publish();
}

void AccountRecord::publish() {
  const int now = users_ > 0 && health_.refused() ? 1 : 0;
  if (now != published_) metrics_->accounts_denied().add(now - published_);
  published_ = now;
}

void AccountRecord::listen(loop::Loop& loop, const Listener& listener) {
  const MutexLock lock(mutex_);
  std::erase_if(listeners_, [](const auto& one) { return one.second.expired(); });
  listeners_.emplace_back(&loop, listener);
}

void AccountRecord::notify() {
  // A loop may have ended with its listeners.
  for (const auto& [loop, listener] : listeners_)
    if (!listener.expired())
      loop->post([weak = listener] {
        if (const auto call = weak.lock()) (*call)();
      });
}

bool AccountRecord::refused() const {
  const MutexLock lock(mutex_);
  return health_.refused();
}

AccountRecord::Time AccountRecord::since() const {
  const MutexLock lock(mutex_);
  return health_.since();
}

std::chrono::milliseconds AccountRecord::pause() const {
  const MutexLock lock(mutex_);
  return health_.pause();
}

std::optional<AccountVerdict> AccountRecord::known(Time now, Time since) const {
  const MutexLock lock(mutex_);
  return known_since(now, since);
}

std::optional<AccountVerdict> AccountRecord::known_since(Time now, Time since) const {
  const auto verdict = health_.known(now);
  const bool older = verdict == AccountVerdict::accepted && (!accepted_ || *accepted_ < since);
  return older ? std::nullopt : verdict;
}

bool AccountRecord::accepted_since(Time since) const {
  const MutexLock lock(mutex_);
  return accepted_ && *accepted_ >= since;
}

bool AccountRecord::begin_check(Time now, Time since) {
  const MutexLock lock(mutex_);
  if (checking_) return false;
  checking_ = !known_since(now, since);
  check_began_ = now;
  if (!checking_) notify();
  return checking_;
}

bool AccountRecord::begin_due_check(Time now) {
  const MutexLock lock(mutex_);
  if (checking_ || !health_.check_due(now)) return false;
  checking_ = true;
  check_began_ = now;
  return true;
}

bool AccountRecord::end_check(AccountVerdict verdict, Time now) {
  const MutexLock lock(mutex_);
  checking_ = false;
  accepted_ = verdict == AccountVerdict::accepted ? std::optional(check_began_) : std::nullopt;
  const bool changed = health_.judged(verdict, now);
  proof_.judged(verdict);
  publish();
  notify();
  return changed;
}

void AccountRecord::abandon_check() {
  const MutexLock lock(mutex_);
  checking_ = false;
  notify();
}

bool AccountRecord::checking() const {
  const MutexLock lock(mutex_);
  return checking_;
}

std::optional<PasswordProof::Step> AccountRecord::next_step() {
  const MutexLock lock(mutex_);
  if (health_.refused()) return std::nullopt;
  return proof_.next();
}

void AccountRecord::password_ended(bool leads, PasswordEnd end, Time now) {
  const MutexLock lock(mutex_);
  if (proof_.ended(leads, end, known_since(now, now))) notify();
}

SavingWatch::Change AccountRecord::look_at_saving(const RateBudget& budget, Time now) {
  const MutexLock lock(mutex_);
  return saving_.look(budget, now);
}

std::shared_ptr<AccountRecord> AccountRecords::of(const std::string& upstream,
                                                  const std::string& endpoint,
                                                  const Credential& credential,
                                                  const Timeouts& timeouts) {
  return with({upstream, endpoint, credential.username, marks_.of(credential.password)}, timeouts);
}

std::shared_ptr<AccountRecord> AccountRecords::of_anonymous(const std::string& upstream,
                                                            const std::string& endpoint,
                                                            const Timeouts& timeouts) {
  return with({upstream, endpoint}, timeouts);  // no mark of a password is empty
}

std::shared_ptr<AccountRecord> AccountRecords::with(Key key, const Timeouts& timeouts) {
  const MutexLock lock(mutex_);
  std::erase_if(records_, [](const auto& one) { return one.second.expired(); });
  auto& slot = records_[std::move(key)];
  auto record = slot.lock();
  if (!record) slot = record = std::make_shared<AccountRecord>(timeouts);
  return record;
}

}  // namespace entrepot::upstream
