// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "cache/requests.h"
#include "cache/shared.h"
#include "cache/source.h"

namespace entrepot::cache {

/// tags/list and referrers: believed for a short while, in memory only, one flight a list. Where
/// the upstream cannot be asked, the last list serves. Its home's thread only.
class ListingFlights {
 public:
  /// Lists kept; the oldest goes first.
  static constexpr std::size_t max_kept = 256;

  ListingFlights(Shared& shared, Source& source);
  ~ListingFlights();

  void fetch(ListingRequest request);
  void abandon_all(const Failure& failure);

 private:
  class Flight;
  struct Kept {
    ListingAnswer answer;
    SteadyTime fetched_at;
  };

  void ended(const std::string& key, std::optional<Listing> listing, const Failure& failure);
  void refuse(const std::string& key, const Flight& flight, const Failure& failure);
  ListingAnswer keep(const std::string& key, Listing listing);
  void answer(const std::vector<ListingRequest>& waiting, ListingAnswer answer);

  Shared& shared_;
  Source& source_;
  std::unordered_map<std::string, std::shared_ptr<Flight>> flights_;
  std::unordered_map<std::string, Kept> kept_;
};

}  // namespace entrepot::cache
