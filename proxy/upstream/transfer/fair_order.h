// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "cache/base/client.h"

namespace entrepot::upstream {

/// The order in which waiting transfers begin so that neither one client nor one repository keeps
/// the others waiting: first those of the client with the fewest under way, of those the repository
/// that has the fewest for that client, of those the one that came first. Every operation takes
/// O(log n). Knows tickets only; pure bookkeeping, used on one thread.
class FairOrder {
 public:
  /// Names one that waits; a lower one came earlier.
  using Ticket = std::uint64_t;

  FairOrder() = default;
  FairOrder(const FairOrder&) = delete;
  FairOrder& operator=(const FairOrder&) = delete;

  void add(Ticket ticket, cache::Client client, const std::string& repository);
  /// REQUIRES: it waits, under these names.
  void remove(Ticket ticket, cache::Client client, const std::string& repository);
  /// The one to begin next; nullopt where none waits.
  std::optional<Ticket> next() const;
  /// The last to come of the client that has most waiting; nullopt where none waits.
  std::optional<Ticket> last_of_largest() const;

  /// One of theirs is under way, until ended().
  void began(cache::Client client, const std::string& repository);
  void ended(cache::Client client, const std::string& repository);

  std::size_t size() const { return size_; }
  /// Waiting and under way.
  std::size_t load(cache::Client client) const;

 private:
  /// The tickets of one client in one repository.
  struct Line {
    std::size_t under_way = 0;
    std::set<Ticket> waiting;
  };
  /// Fewest under way, earliest ticket.
  using LineRank = std::pair<std::size_t, Ticket>;
  struct Share {
    std::size_t under_way = 0;
    std::map<std::string, Line> lines;  ///< with something waiting or under way
    std::set<LineRank> ready;           ///< of each line where something waits
    std::set<Ticket> waiting;
  };
  /// Fewest under way, then that of its first line.
  using ClientRank = std::pair<std::size_t, LineRank>;

  template <typename Change>
  void change(cache::Client client, const std::string& repository, const Change& apply);

  std::map<cache::Client, Share> clients_;
  std::set<ClientRank> ready_;  ///< of each client of whom something waits
  std::set<std::pair<std::size_t, const Share*>> sizes_;  ///< how many each of those has waiting
  std::size_t size_ = 0;
};

}  // namespace entrepot::upstream
