// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "cache/api/requests.h"
#include "cache/api/source.h"
#include "cache/base/executor.h"
#include "cache/flight/negative_table.h"
#include "cache/store/environment.h"

namespace entrepot::cache {

/// Caches tags/list and referrers in memory for a minute, with one flight per list. If the upstream
/// cannot be reached, the last list is served. A list that failed is not requested again for ten
/// seconds. Home thread only.
class ListingFlights {
 public:
  /// Bytes of all stored lists; the oldest are removed first. A larger list is sent but not stored.
  static constexpr std::size_t max_kept_bytes = 16 << 20;
  /// Longest time that a list is stored, even while the upstream cannot be reached.
  static constexpr std::chrono::minutes max_kept_for{60};

  ListingFlights(const Environment& environment, Executor& home, Source& source);
  ~ListingFlights();

  void fetch(ListingRequest request);
  void abandon_all(const Failure& failure);

 private:
  class Flight;
  struct Kept {
    std::string key;
    ListingAnswer answer;
    SteadyTime fetched_at;
    std::size_t bytes;
  };

  bool answer_from_memory(const std::string& key, const ListingRequest& request);
  void arrange(const std::shared_ptr<Flight>& flight, Listing listing);
  void arranged(const std::shared_ptr<Flight>& flight, const ListingAnswer& answer);
  void failed(const std::shared_ptr<Flight>& flight, const Failure& failure);
  void refuse(const std::shared_ptr<Flight>& flight, const Failure& failure);
  void end(const std::shared_ptr<Flight>& flight, ListingAnswer answer);

  void keep(const std::string& key, const ListingAnswer& answer);
  void forget(const std::string& key);
  void forget_oldest();
  void forget_old();
  void remember_failure(const Flight& flight, const Failure& failure);

  const Environment& environment_;
  Executor& home_;
  Source& source_;
  std::unordered_map<std::string, std::shared_ptr<Flight>> flights_;
  std::list<Kept> kept_;  // oldest first
  std::unordered_map<std::string, std::list<Kept>::iterator> places_;
  std::size_t kept_bytes_ = 0;
  NegativeTable failed_;
  std::unique_ptr<Timer> aging_;
  /// Jobs on the store pool hold a weak reference, so that a result after the end is dropped.
  std::shared_ptr<ListingFlights*> self_;
};

}  // namespace entrepot::cache
