// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "proxy/upstream/transfer/fair_order.h"
#include "proxy/upstream/transfer/transfer.h"

namespace entrepot::upstream {

/// Decides which transfer of an upstream begins next, because the number of slots is limited: an
/// awaited one, in a fair order of clients and repositories (fair_order.h), where a client has at
/// most eight times as many slots as are left, so that another one does not wait for its transfers
/// to end (one client leaves 5 of 50 slots); an unawaited one
/// (cache::Demand) when no awaited one is queued, in half of the slots at most. Urgent ones (tokens
/// and probes) have slots of their own. A transfer that no client wants any more leaves the queue.
/// When too many are queued, the last one of the client with the most leaves. Loop thread only.
class TransferQueue {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Ticket = FairOrder::Ticket;
  enum class Lane : std::uint8_t { urgent, awaited, background };

  struct Bounds {
    /// Transfers at once; urgent ones may be half as many besides.
    std::size_t slots = 50;
    /// Queued at once. A queued transfer takes about 3 KB with its flight.
    std::size_t waiting = 10'000;

    /// Half of the slots.
    std::size_t half() const { return std::max<std::size_t>(slots / 2, 1); }
    /// The highest number of transfers at once.
    std::size_t most_running() const { return slots + half(); }
  };

  /// A queued transfer: the parts to start it when its turn comes.
  struct Waiting {
    Waiting(TransferRequest request_in, TransferSink& sink_in, Transfer& handle_in);
    ~Waiting();
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;

    TransferRequest request;
    TransferSink& sink;
    Transfer& handle;
    Ticket ticket = 0;
    Lane lane = Lane::awaited;
    cache::Client client = cache::Client::nobody;  ///< in whose turn
  };

  /// A transfer that leaves without having been sent.
  struct Leaving {
    std::unique_ptr<Waiting> waiting;
    TransferEnd::Kind why;  ///< unwanted or overloaded
  };

  explicit TransferQueue(const Bounds& bounds) : bounds_(bounds) {}

  Ticket add(std::unique_ptr<Waiting> waiting);
  /// Removes a queued transfer.
  void drop(Ticket ticket);
  /// `client` waits for it too.
  void wanted_by(Ticket ticket, cache::Client client);

  /// Takes the next transfer out; null while none may begin. began() takes its slot.
  std::unique_ptr<Waiting> next();
  /// `request` keeps its address until ended(); its demand is used until then, or forget_demand().
  void began(const TransferRequest& request, const Waiting& from);
  void ended(const TransferRequest& request);
  void forget_demand(const TransferRequest& request);

  /// Moves the queued transfers that no client wants any more to the leaving ones. O(n).
  void sweep();
  /// The next one that has left; nullopt when there is none.
  std::optional<Leaving> take_leaving();
  bool has_leaving() const { return !leaving_.empty(); }

  /// Checks the demand of the running transfers and returns those that should end so that others
  /// can begin: unawaited ones have half of the slots at most, end when a transfer waits for a
  /// slot, and run for a limited time beside awaited ones. One that is nearly complete
  /// (cache::Demand::expendable) may run for a while longer.
  std::vector<const TransferRequest*> to_end(Time now);

  /// An awaited transfer waits for a slot.
  bool crowded() const;
  std::size_t size() const { return waiting_.size() + leaving_.size(); }
  bool empty() const { return size() == 0; }

 private:
  struct UnderWay {
    Lane lane;
    cache::Client client;
    const cache::Demand* demand;
    std::optional<Time> deserted;  ///< when it was first found unawaited
  };
  using Level = cache::Demand::Level;

  const FairOrder& lane(Lane of) const { return lanes_[static_cast<std::size_t>(of)]; }
  FairOrder& lane(Lane of) { return lanes_[static_cast<std::size_t>(of)]; }
  void place(std::unique_ptr<Waiting> waiting);
  std::unique_ptr<Waiting> take(Ticket ticket);
  void leave(Ticket ticket, TransferEnd::Kind why);
  void shed();
  bool may_begin(Lane of) const;
  /// Whether enough slots are left for others when this awaited transfer has one.
  bool leaves_slots(const Waiting& waiting) const;
  std::unique_ptr<Waiting> next_of(Lane of);

  const Bounds bounds_;
  std::array<FairOrder, 3> lanes_;
  Ticket last_ = 0;
  std::unordered_map<Ticket, std::unique_ptr<Waiting>> waiting_;
  std::unordered_map<Ticket, Leaving> leaving_;
  std::unordered_map<const TransferRequest*, UnderWay> under_way_;
  std::size_t used_ = 0;         ///< slots
  std::size_t used_urgent_ = 0;  ///< slots of urgent ones
};

}  // namespace entrepot::upstream
