// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/issuer_keys/issuer_keys.h"

#include <algorithm>
#include <string>

#include "metrics/exception.h"
#include "metrics/log.h"
#include "metrics/printable.h"

namespace entrepot::app {

IssuerKeys::IssuerKeys(cache::Executor& control, cache::JobQueue& pool,
                       const metrics::Metrics& metrics, std::function<void()> changed, Fetch fetch,
                       Now now)
    : control_(control),
      pool_(pool),
      metrics_(metrics),
      changed_(std::move(changed)),
      fetch_(std::move(fetch)),
      now_(std::move(now)) {}

void IssuerKeys::use(const std::vector<conf::Listener>& listeners) {
  std::map<KeySource, bool> sources;
  for (const auto& listener : listeners)
    for (const auto& issuer : listener.auth ? listener.auth->jwt : std::vector<conf::JwtIssuer>())
      if (const auto source = key_source(issuer)) {
        const auto known = failing_.find(*source);
        sources.emplace(*source, known != failing_.end() && known->second);
      }
  const bool more = std::any_of(sources.begin(), sources.end(), [&](const auto& source) {
    return !failing_.contains(source.first);
  });
  failing_ = std::move(sources);
  count_failing();
  std::erase_if(keys_, [&](const auto& each) { return !failing_.contains(each.first); });
  if (more && shared_->owner != nullptr) fetch_in({});
}

void IssuerKeys::start(std::function<void()> first) {
  control_.assert_in_thread();
  if (shared_->owner != nullptr || shared_->stopped) {
    if (first) first();
    return;
  }
  first_ = std::move(first);
  shared_->owner = this;
  fetch_all();
  if (!fetching_) end_first();
}

void IssuerKeys::end_first() {
  if (const auto first = std::exchange(first_, nullptr)) first();
}

void IssuerKeys::stop() {
  control_.assert_in_thread();
  shared_->stopped = true;
  shared_->owner = nullptr;
  timer_.reset();
}

std::function<void()> IssuerKeys::asker() const {
  return [shared = shared_, &control = control_] {
    if (shared->stopped || shared->asked.exchange(true)) return;
    control.post([shared] {
      if (shared->owner != nullptr) shared->owner->asked();
    });
  };
}

void IssuerKeys::asked() {
  const auto since = now_() - begun_;
  fetch_in(since >= least_interval ? Clock::duration{} : least_interval - since);
}

void IssuerKeys::fetch_in(Clock::duration delay) {
  timer_ =
      control_.after(std::chrono::ceil<std::chrono::milliseconds>(delay), [this] { fetch_all(); });
}

void IssuerKeys::fetch_all() {
  // A fetch in progress sets the timer at its end.
  if (failing_.empty() || fetching_) return;
  fetching_ = true;
  begun_ = now_();
  shared_->asked = false;
  std::vector<KeySource> sources;
  for (const auto& [source, failing] : failing_) sources.push_back(source);
  pool_.post([shared = shared_, &control = control_, fetch = fetch_, sources = std::move(sources)] {
    std::vector<Result> results;
    run_then(
        [&] {
          for (const auto& source : sources)
            if (!shared->stopped) results.emplace_back(source, fetch(source, shared->stopped));
        },
        [&] {
          control.post([shared, results = std::move(results)] {
            if (shared->owner != nullptr) shared->owner->take(results);
          });
        });
  });
}

void IssuerKeys::take(const std::vector<Result>& results) {
  fetching_ = false;
  bool changed = false;
  for (const Result& result : results)
    if (failing_.contains(result.first)) changed |= take(result);
  const bool failing = count_failing() > 0;
  // Sources that came, and tokens with unknown keys, during the fetch.
  const bool again = results.size() < failing_.size() || shared_->asked;
  fetch_in(again     ? Clock::duration(least_interval)
           : failing ? Clock::duration(interval_of_failures)
                     : interval);
  if (changed) changed_();
  end_first();
}

std::size_t IssuerKeys::count_failing() const {
  const auto count = std::count_if(failing_.begin(), failing_.end(),
                                   [](const auto& source) { return source.second; });
  metrics_.logins().issuers_failing().set(static_cast<double>(count));
  return static_cast<std::size_t>(count);
}

bool IssuerKeys::take(const Result& result) {
  const auto& [source, fetched] = result;
  const std::string name = printable(source.issuer);
  if (const auto* failure = std::get_if<KeyFetchFailure>(&fetched)) {
    fail(source, *failure);
    return false;
  }
  const auto& published = std::get<PublishedKeys>(fetched);
  metrics_.logins().key_fetches(metrics::KeyFetch::ok).add();
  const bool failed = std::exchange(failing_[source], false);
  std::string& text = keys_[source];
  const bool changed = text != published.text;
  if (changed || failed) log::info("issuer {}: {} keys are in force", name, published.count);
  text = published.text;
  return changed;
}

/// Logs the first of several failures.
void IssuerKeys::fail(const KeySource& source, const KeyFetchFailure& failure) {
  metrics_.logins().key_fetches(failure.reason).add();
  if (std::exchange(failing_[source], true)) return;
  log::warn(
      "issuer {}: its keys cannot be fetched: {}; {}, and the next attempt is in a minute "
      "(further failures have no line)",
      printable(source.issuer), printable(failure.text),
      keys_.contains(source) ? "those before stay in force" : "its tokens are refused until then");
}

}  // namespace entrepot::app
