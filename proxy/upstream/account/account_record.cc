// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/account/account_record.h"

namespace entrepot::upstream {

void AccountRecord::join(const metrics::EndpointMetrics& metrics) {
  const MutexLock lock(mutex_);
  if (users_++ > 0) return;
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

std::optional<AccountVerdict> AccountRecord::known(Time now) const {
  const MutexLock lock(mutex_);
  return health_.known(now);
}

bool AccountRecord::begin_check(Time now) {
  const MutexLock lock(mutex_);
  if (checking_) return false;
  checking_ = !health_.known(now);
  if (!checking_) notify();
  return checking_;
}

bool AccountRecord::begin_due_check(Time now) {
  const MutexLock lock(mutex_);
  if (checking_ || !health_.check_due(now)) return false;
  checking_ = true;
  return true;
}

bool AccountRecord::end_check(AccountVerdict verdict, Time now) {
  const MutexLock lock(mutex_);
  checking_ = false;
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

std::optional<PasswordProof::Step> AccountRecord::next_step(bool may_lead) {
  const MutexLock lock(mutex_);
  if (health_.refused()) return std::nullopt;
  return proof_.next(may_lead);
}

void AccountRecord::password_ended(bool leads, PasswordEnd end, Time now) {
  const MutexLock lock(mutex_);
  if (proof_.ended(leads, end, health_.known(now))) notify();
}

std::shared_ptr<AccountRecord> AccountRecords::of(const std::string& upstream,
                                                  const std::string& endpoint,
                                                  const Credential& credential,
                                                  const Timeouts& timeouts) {
  Key key{upstream, endpoint, credential.username, marks_.of(credential.password)};
  const MutexLock lock(mutex_);
  std::erase_if(records_, [](const auto& one) { return one.second.expired(); });
  auto& slot = records_[std::move(key)];
  auto record = slot.lock();
  if (!record) slot = record = std::make_shared<AccountRecord>(timeouts);
  return record;
}

}  // namespace entrepot::upstream
