// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include "cache/base/client.h"
#include "cache/base/clock.h"
#include "cache/base/failure.h"

namespace entrepot::cache {

/// Stores `not_found` failures for a short time, so that a client that repeats a request causes no
/// upstream request. Other failures do not belong here: a denied object may be allowed with new
/// credentials. Bounded, because any client can request names that do not exist; a full table
/// forgets the oldest entry of the client with the most, so that a client that asks for many names
/// displaces its own. Home thread only.
class NegativeTable {
 public:
  static constexpr std::size_t max_entries = 10'000;

  NegativeTable() = default;
  NegativeTable(const NegativeTable&) = delete;
  NegativeTable& operator=(const NegativeTable&) = delete;

  std::optional<Failure> find(const std::string& key, SteadyTime now);
  /// `client`: the one that has asked.
  void put(const std::string& key, Client client, Failure failure, SteadyTime until);
  std::size_t size() const { return entries_.size(); }

 private:
  using Keys = std::list<std::string>;
  struct Entry {
    Failure failure;
    SteadyTime until;
    Client client;
    Keys::iterator place;  ///< in the keys of the client
  };
  using Entries = std::unordered_map<std::string, Entry>;

  void erase(Entries::iterator entry);
  /// Calls `change` with the keys of the client, and keeps sizes_.
  template <typename Change>
  auto with_keys(Client client, const Change& change);

  Entries entries_;
  std::map<Client, Keys> keys_;                     // of each client, oldest first; none is empty
  std::set<std::pair<std::size_t, Client>> sizes_;  // number of keys of each client
};

}  // namespace entrepot::cache
