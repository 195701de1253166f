// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/account/accounts.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <utility>

#include "metrics/log.h"
#include "proxy/upstream/transfer/curl_multi.h"
#include "proxy/upstream/wire/retry_after.h"

namespace entrepot::upstream {
namespace {

/// Empty for the anonymous user.
std::string name_of(const Account& account) {
  return account.credential() == nullptr ? std::string() : account.credential()->username;
}

/// "9 of 100 requests"
std::string left_of(const RateBudget& budget, RateBudget::Time now) {
  std::string text = std::to_string(budget.remaining(now).value_or(0));
  if (const auto limit = budget.limit(now)) text += " of " + std::to_string(*limit);
  return text + " requests";
}

/// Logs the begin and the end of saving the rate limit of `account`, once for all loops. `name`:
/// "upstream: endpoint".
void note_saving(Account& account, const std::string& name, RateBudget::Time now) {
  const RateBudget& budget = account.budget();
  const std::string whose =
      account.credential() == nullptr ? "the anonymous user" : name_of(account);
  switch (account.record().look_at_saving(budget, now)) {
    case SavingWatch::Change::none:
      return;
    case SavingWatch::Change::begins:
      return log::warn(
          "{} leaves {} to {}; its rate limit is saved from now on: another account or endpoint is "
          "preferred, and without one tags are checked less often",
          name, left_of(budget, now), whose);
    case SavingWatch::Change::ends:
      return log::info(
          "{}: {} has not been short of requests for {} minutes; its rate limit is no longer saved",
          name, whose, SavingWatch::calm.count());
  }
}

}  // namespace

Accounts::Accounts(CurlMulti& multi, const Timeouts& timeouts,
                   const std::vector<Credential>& credentials, const std::string& upstream,
                   const std::string& endpoint, const metrics::EndpointMetrics& metrics,
                   AccountRecords* records)
    : multi_(multi), timeouts_(timeouts), name_(upstream + ": " + endpoint), metrics_(metrics) {
  const auto add = [&](const Credential* credential) {
    auto record = records == nullptr      ? std::make_shared<AccountRecord>(timeouts)
                  : credential == nullptr ? records->of_anonymous(upstream, endpoint, timeouts)
                                          : records->of(upstream, endpoint, *credential, timeouts);
    accounts_.push_back(
        std::make_unique<Account>(multi, timeouts, credential, upstream, std::move(record)));
  };
  for (const Credential& credential : credentials) add(&credential);
  add(nullptr);
  configured_ = std::max(credentials.size(), std::size_t{1});
  choose_senders();
}

void Accounts::choose_senders() {
  senders_.clear();
  for (std::size_t i = 0; i < configured_; ++i)
    if (!accounts_[i]->record().refused()) senders_.push_back(accounts_[i].get());
  if (senders_.empty()) senders_.push_back(accounts_.back().get());
}

std::vector<Account*> Accounts::with_credential() const {
  std::vector<Account*> all;
  for (const auto& account : accounts_)
    if (account->credential() != nullptr) all.push_back(account.get());
  return all;
}

std::map<std::string, std::chrono::seconds> Accounts::refused(Clock::time_point now) const {
  multi_.loop().assert_in_loop();
  std::map<std::string, std::chrono::seconds> refused;
  for (const auto& account : accounts_)
    if (account->record().refused())
      refused[name_of(*account)] =
          std::chrono::floor<std::chrono::seconds>(now - account->record().since());
  return refused;
}

/// The account whose limit ends first.
const Account& Accounts::first_to_send() const {
  multi_.loop().assert_in_loop();
  return **std::ranges::min_element(
      senders_, {}, [](const Account* account) { return account->limited_until(); });
}

std::optional<std::chrono::milliseconds> Accounts::pause() const {
  return first_to_send().gate().pause_left(Clock::now());
}

bool Accounts::low_on_quota() const {
  multi_.loop().assert_in_loop();
  const Clock::time_point now = Clock::now();
  return std::ranges::all_of(senders_, [&](const Account* account) {
    return account->limited(now) || account->budget().low_on_quota(now);
  });
}

Account& Accounts::pick(std::string_view repository) const {
  multi_.loop().assert_in_loop();
  const Clock::time_point now = Clock::now();
  const auto first = std::hash<std::string_view>{}(repository) % senders_.size();
  const auto worth = [&](const Account& account) -> std::uint64_t {
    if (account.limited(now)) return 0;
    if (account.token_gate().closed(now)) return 1;
    if (!account.budget().low_on_quota(now)) return std::numeric_limits<std::uint64_t>::max();
    return 2 + *account.budget().remaining(now);
  };
  Account* best = senders_[first];
  for (std::size_t i = 1; i < senders_.size(); ++i) {
    Account& next = *senders_[(first + i) % senders_.size()];
    if (worth(next) > worth(*best)) best = &next;
  }
  best->gate().sent(now);
  return *best;
}

std::optional<std::uint64_t> Accounts::sum_of(BudgetFigure figure, Clock::time_point now) const {
  std::optional<std::uint64_t> sum;
  for (const Account* account : senders_)
    if (const auto count = (account->budget().*figure)(now)) sum = sum.value_or(0) + *count;
  return sum;
}

std::optional<std::uint64_t> Accounts::remaining(Clock::time_point now) const {
  multi_.loop().assert_in_loop();
  return sum_of(&RateBudget::remaining, now);
}

void Accounts::answered(Account& account, const ResponseHead& head) {
  multi_.loop().assert_in_loop();
  account.budget().update(head, Clock::now());
  if (head.status < 500 && head.status != 401 && head.status != 429)
    account.gate().let_through(Clock::now());
  publish_gauges();
}

void Accounts::publish_gauges() {
  multi_.loop().assert_in_loop();
  const Clock::time_point now = Clock::now();
  for (const auto& account : accounts_) note_saving(*account, name_, now);
  const bool known_now = remaining(now).has_value();
  if (!std::exchange(published_, known_now) && !known_now) return;
  const auto known = [](std::optional<std::uint64_t> count) {
    return count ? static_cast<double>(*count) : std::numeric_limits<double>::quiet_NaN();
  };
  metrics_.ratelimit_remaining().set(known(remaining(now)));
  metrics_.ratelimit_limit().set(known(sum_of(&RateBudget::limit, now)));
}

void Accounts::forget_unused() {
  multi_.loop().assert_in_loop();
  for (const auto& account : accounts_) account->tokens().forget_unused();
}

std::map<std::string, std::chrono::seconds> Accounts::waits(Clock::time_point now) const {
  multi_.loop().assert_in_loop();
  std::map<std::string, std::chrono::seconds> waits;
  for (const auto& account : accounts_) {
    if (account->limited(now))
      waits[name_of(*account)] =
          std::chrono::ceil<std::chrono::seconds>(account->limited_until() - now);
  }
  return waits;
}

void Accounts::restore(const std::map<std::string, std::chrono::seconds>& waits,
                       Clock::time_point now) {
  multi_.loop().assert_in_loop();
  for (const auto& account : accounts_) {
    const auto wait = waits.find(name_of(*account));
    if (wait != waits.end())
      account->gate().close_until(now +
                                  std::min<std::chrono::seconds>(wait->second, max_retry_after));
  }
}

void Accounts::anonymous_limited(std::chrono::seconds wait) {
  multi_.loop().assert_in_loop();
  for (const auto& account : accounts_)
    if (account->credential() == nullptr) rate_limited(*account, wait);
}

void Accounts::rate_limited(Account& account, std::chrono::seconds wait) {
  multi_.loop().assert_in_loop();
  const auto now = Clock::now();
  const bool begins = !account.limited(now) || account.gate().pauses();
  if (wait.count() > 0 || account.budget().spent(now)) {
    const std::chrono::milliseconds span = wait.count() > 0 ? wait : timeouts_.rate_limit;
    account.gate().close_until(now + std::min<std::chrono::milliseconds>(span, max_retry_after));
    if (begins) log::warn("{}", limited_line(account));
  } else if (account.gate().pause(now, timeouts_.rate_limit_first, timeouts_.rate_limit)) {
    // Short pauses may occur each second.
    if (account.gate().pauses_so_far() == pauses_before_warning)
      log::warn("{}", limited_line(account));
    else
      log::debug("{}", limited_line(account));
  }
}

std::string Accounts::limited_line(const Account& account) const {
  const auto span = std::chrono::ceil<std::chrono::seconds>(account.limited_until() - Clock::now());
  const std::string line =
      name_ + " limits our rate (429) and is not asked for " + std::to_string(span.count()) + " s";
  if (account.credential() != nullptr) return line + " as " + account.credential()->username;
  return line + (stands_in(account) ? " without an account: it refuses the configured ones"
                                    : "; credentials would raise the limit");
}

}  // namespace entrepot::upstream
