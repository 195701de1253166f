// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include "cache/base/executor.h"
#include "conf/config.h"
#include "metrics/metrics.h"
#include "proxy/app/command/listener_rules.h"
#include "proxy/app/issuer_keys/key_fetch.h"

namespace entrepot::app {

/// Keeps the keys of the issuers with `discovery`: fetches them at the start, once an hour, a
/// minute after a failure, and soon after a token had a key that its issuer did not have. Keys of
/// before stay in force until others arrive. Made and destroyed on the main thread; control loop
/// only otherwise.
class IssuerKeys {
 public:
  using Clock = std::chrono::steady_clock;
  using Fetch = std::function<std::variant<PublishedKeys, KeyFetchFailure>(
      const KeySource& source, const std::atomic<bool>& stop)>;

  using Now = std::function<Clock::time_point()>;

  static constexpr std::chrono::hours interval{1};
  static constexpr std::chrono::minutes interval_of_failures{1};
  /// Strangers can send tokens with unknown keys; they cause no more fetches than one in this time.
  static constexpr std::chrono::seconds least_interval{10};

  /// `pool` runs `fetch`, which may block. `changed` is called on `control` when the keys of a
  /// source have changed. `control`, `pool` and `metrics` outlive this.
  IssuerKeys(cache::Executor& control, cache::JobQueue& pool, const metrics::Metrics& metrics,
             std::function<void()> changed, Fetch fetch = fetch_keys, Now now = Clock::now);
  IssuerKeys(const IssuerKeys&) = delete;
  IssuerKeys& operator=(const IssuerKeys&) = delete;

  /// Keeps the keys of these listeners from now on, and forgets others.
  void use(const std::vector<conf::Listener>& listeners);
  /// Begins to fetch, once. `first` is called when the first fetch of all keys has ended, well or
  /// not; at once by later calls and after stop(), which do nothing else.
  void start(std::function<void()> first = {});
  /// Ends all work, also a fetch in progress; no further callback. Before the destructor, if
  /// start() was called.
  void stop();

  /// Asks for new keys, because a token had one that is unknown. Any thread, also after stop() and
  /// after the destructor, as long as `control` exists.
  std::function<void()> asker() const;

  const FetchedKeys& keys() const { return keys_; }

 private:
  /// The part that other threads hold.
  struct Shared {
    std::atomic<bool> stopped{false};
    std::atomic<bool> asked{false};
    IssuerKeys* owner = nullptr;  // control loop only; null before start() and after stop()
  };
  using Result = std::pair<KeySource, std::variant<PublishedKeys, KeyFetchFailure>>;

  void fetch_all();
  void take(const std::vector<Result>& results);
  /// True if the keys of the source are others now.
  bool take(const Result& result);
  void fail(const KeySource& source, const KeyFetchFailure& failure);
  void fetch_in(Clock::duration delay);
  /// Sets the metric, too.
  std::size_t count_failing() const;
  void asked();
  void end_first();

  cache::Executor& control_;
  cache::JobQueue& pool_;
  const metrics::Metrics& metrics_;
  const std::function<void()> changed_;
  const Fetch fetch_;
  const Now now_;
  const std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();

  std::map<KeySource, bool> failing_;  // of all sources: the last fetch has failed
  FetchedKeys keys_;                   // of those that were fetched
  bool fetching_ = false;              // a job of the pool runs
  Clock::time_point begun_{};          // the last fetch
  std::unique_ptr<cache::Timer> timer_;
  std::function<void()> first_;  // of start(), until it is called
};

}  // namespace entrepot::app
