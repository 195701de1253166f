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

/// The order in which queued transfers begin, so that neither one client nor one repository delays
/// the others: the client with the fewest running transfers is first, within it the repository with
/// the fewest, within that the oldest ticket. Every operation takes O(log n). Pure; one thread.
class FairOrder {
 public:
  /// Identifies a queued transfer; a lower one came earlier.
  using Ticket = std::uint64_t;

  FairOrder() = default;
  FairOrder(const FairOrder&) = delete;
  FairOrder& operator=(const FairOrder&) = delete;

  void add(Ticket ticket, cache::Client client, const std::string& repository);
  /// REQUIRES: `ticket` is queued, with this client and repository.
  void remove(Ticket ticket, cache::Client client, const std::string& repository);
  /// The ticket to begin next; nullopt when none is queued.
  std::optional<Ticket> next() const;
  /// The newest ticket of the client with the most queued ones; nullopt when none is queued.
  std::optional<Ticket> last_of_largest() const;

  /// A transfer of them runs, until ended().
  void began(cache::Client client, const std::string& repository);
  void ended(cache::Client client, const std::string& repository);

  std::size_t size() const { return size_; }
  /// Queued and running transfers of the client.
  std::size_t load(cache::Client client) const;
  /// Running transfers of the client.
  std::size_t running(cache::Client client) const;

 private:
  /// The tickets of one client in one repository.
  struct Line {
    std::size_t under_way = 0;
    std::set<Ticket> waiting;
  };
  /// Number of running transfers, oldest ticket.
  using LineRank = std::pair<std::size_t, Ticket>;
  struct Share {
    std::size_t under_way = 0;
    std::map<std::string, Line> lines;  ///< with a queued or running transfer
    std::set<LineRank> ready;           ///< of each line with a queued ticket
    std::set<Ticket> waiting;
  };
  /// Number of running transfers, rank of its first line.
  using ClientRank = std::pair<std::size_t, LineRank>;

  template <typename Change>
  void change(cache::Client client, const std::string& repository, const Change& apply);

  std::map<cache::Client, Share> clients_;
  std::set<ClientRank> ready_;  ///< of each client with a queued ticket
  std::set<std::pair<std::size_t, const Share*>>
      sizes_;  ///< number of queued tickets of each of those
  std::size_t size_ = 0;
};

}  // namespace entrepot::upstream
