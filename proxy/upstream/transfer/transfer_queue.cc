// SPDX-License-Identifier: Apache-2.0
// A Waiting is in exactly one place: waiting_ and the order of its lane, or leaving_. Clients come
// and leave without a call to the queue; it reads the demand when a turn comes, and in sweep().
#include "proxy/upstream/transfer/transfer_queue.h"

#include <algorithm>
#include <utility>

#include "proxy/base/secret.h"

namespace entrepot::upstream {
namespace {

using Level = cache::Demand::Level;

/// A client may leave and come back on another connection within this.
constexpr std::chrono::milliseconds grace{250};
/// An unawaited transfer runs at most this long beside queued awaited ones.
constexpr std::chrono::seconds beside_others{5};
/// A transfer that is nearly complete keeps others waiting no longer than this.
constexpr std::chrono::seconds nearly_there{10};
/// The slots of one client to those that are left.
constexpr std::size_t share = 8;

Level level_of(const cache::Demand* demand) {
  return demand == nullptr ? Level::awaited : demand->level();
}

TransferQueue::Lane lane_of(const TransferRequest& request) {
  if (request.urgent) return TransferQueue::Lane::urgent;
  return level_of(request.demand) == Level::background ? TransferQueue::Lane::background
                                                       : TransferQueue::Lane::awaited;
}

}  // namespace

TransferQueue::Waiting::Waiting(TransferRequest request_in, TransferSink& sink_in,
                                Transfer& handle_in)
    : request(std::move(request_in)), sink(sink_in), handle(handle_in) {}

TransferQueue::Waiting::~Waiting() {
  for (std::string& line : request.headers) wipe(line);
}

TransferQueue::Ticket TransferQueue::add(std::unique_ptr<Waiting> waiting) {
  const Ticket ticket = waiting->ticket = ++last_;
  place(std::move(waiting));
  if (waiting_.size() > bounds_.waiting) shed();
  return ticket;
}

/// Queues it in the turn of the client with the least load.
void TransferQueue::place(std::unique_ptr<Waiting> waiting) {
  const TransferRequest& request = waiting->request;
  waiting->lane = lane_of(request);
  FairOrder& order = lane(waiting->lane);
  const auto best = std::ranges::min_element(
      request.clients, {}, [&order](cache::Client client) { return order.load(client); });
  waiting->client = best == request.clients.end() ? cache::Client::nobody : *best;
  order.add(waiting->ticket, waiting->client, request.repository);
  const Ticket ticket = waiting->ticket;
  waiting_.emplace(ticket, std::move(waiting));
}

std::unique_ptr<TransferQueue::Waiting> TransferQueue::take(Ticket ticket) {
  auto waiting = std::move(waiting_.extract(ticket).mapped());
  lane(waiting->lane).remove(ticket, waiting->client, waiting->request.repository);
  return waiting;
}

void TransferQueue::leave(Ticket ticket, TransferEnd::Kind why) {
  leaving_.emplace(ticket, Leaving{take(ticket), why});
}

/// Too many transfers are queued: drops an unawaited one, or the last one of the largest client.
void TransferQueue::shed() {
  for (const Lane of : {Lane::background, Lane::awaited, Lane::urgent}) {
    const auto ticket = lane(of).last_of_largest();
    if (!ticket) continue;
    const bool unwanted = level_of(waiting_.at(*ticket)->request.demand) == Level::nobody;
    return leave(*ticket, unwanted ? TransferEnd::Kind::unwanted : TransferEnd::Kind::overloaded);
  }
}

void TransferQueue::drop(Ticket ticket) {
  if (leaving_.erase(ticket) == 0) take(ticket);
}

void TransferQueue::wanted_by(Ticket ticket, cache::Client client) {
  const auto found = waiting_.find(ticket);
  if (found == waiting_.end()) return;  // take_leaving() reads the demand
  auto waiting = take(ticket);
  if (std::ranges::find(waiting->request.clients, client) == waiting->request.clients.end() &&
      waiting->request.clients.size() < TransferRequest::most_clients)
    waiting->request.clients.push_back(client);
  place(std::move(waiting));
}

bool TransferQueue::may_begin(Lane of) const {
  const std::size_t half = bounds_.half();
  if (of == Lane::urgent) return used_urgent_ < half;
  if (used_ >= bounds_.slots) return false;
  if (of == Lane::awaited) return true;
  if (lane(Lane::awaited).size() > 0)
    return false;  // the slots that are left are for other clients
  return static_cast<std::size_t>(std::ranges::count_if(under_way_, [](const auto& one) {
           return !(one.second.lane == Lane::urgent) &&
                  level_of(one.second.demand) != Level::awaited;
         })) < half;
}

bool TransferQueue::leaves_slots(const Waiting& waiting) const {
  if (waiting.client == cache::Client::nobody) return true;
  return lane(Lane::awaited).running(waiting.client) < share * (bounds_.slots - used_);
}

bool TransferQueue::crowded() const {
  const auto ticket = lane(Lane::awaited).next();
  return ticket && (used_ >= bounds_.slots || !leaves_slots(*waiting_.at(*ticket)));
}

/// The first of a lane that still belongs there; others are put where they belong.
std::unique_ptr<TransferQueue::Waiting> TransferQueue::next_of(Lane of) {
  while (const auto ticket = lane(of).next()) {
    const TransferRequest& request = waiting_.at(*ticket)->request;
    if (level_of(request.demand) == Level::nobody) {
      leave(*ticket, TransferEnd::Kind::unwanted);
    } else if (const Lane now = lane_of(request); now == of || now == Lane::awaited) {
      // The client has the fewest slots, so the others may not have another one either.
      if (of == Lane::awaited && !leaves_slots(*waiting_.at(*ticket))) return nullptr;
      return take(*ticket);
    } else {
      place(take(*ticket));
    }
  }
  return nullptr;
}

std::unique_ptr<TransferQueue::Waiting> TransferQueue::next() {
  for (const Lane of : {Lane::urgent, Lane::awaited, Lane::background})
    if (lane(of).size() > 0 && may_begin(of))
      if (auto waiting = next_of(of)) return waiting;
  return nullptr;
}

void TransferQueue::began(const TransferRequest& request, const Waiting& from) {
  lane(from.lane).began(from.client, request.repository);
  ++(from.lane == Lane::urgent ? used_urgent_ : used_);
  under_way_.emplace(&request, UnderWay{from.lane, from.client, request.demand, {}});
}

void TransferQueue::ended(const TransferRequest& request) {
  const UnderWay one = under_way_.extract(&request).mapped();
  lane(one.lane).ended(one.client, request.repository);
  --(one.lane == Lane::urgent ? used_urgent_ : used_);
}

void TransferQueue::forget_demand(const TransferRequest& request) {
  under_way_.at(&request).demand = nullptr;
}

void TransferQueue::sweep() {
  std::vector<Ticket> unwanted;
  for (const auto& [ticket, waiting] : waiting_)
    if (level_of(waiting->request.demand) == Level::nobody) unwanted.push_back(ticket);
  for (const Ticket ticket : unwanted) leave(ticket, TransferEnd::Kind::unwanted);
}

std::optional<TransferQueue::Leaving> TransferQueue::take_leaving() {
  while (!leaving_.empty()) {
    Leaving leaving = std::move(leaving_.extract(leaving_.begin()).mapped());
    const bool wanted = leaving.why == TransferEnd::Kind::unwanted &&
                        level_of(leaving.waiting->request.demand) != Level::nobody;
    if (!wanted) return leaving;
    place(std::move(leaving.waiting));  // a client has come since
  }
  return std::nullopt;
}

std::vector<const TransferRequest*> TransferQueue::to_end(Time now) {
  std::vector<std::pair<Time, const TransferRequest*>> deserted;
  std::size_t awaited = 0;
  for (auto& [request, one] : under_way_) {
    if (one.lane == Lane::urgent) continue;
    if (level_of(one.demand) == Level::awaited) {
      one.deserted.reset();
      ++awaited;
    } else if (!one.deserted) {
      one.deserted = now;
    }
    if (one.deserted && now - *one.deserted >= grace) deserted.emplace_back(*one.deserted, request);
  }
  std::ranges::sort(deserted);
  const std::size_t half = bounds_.half();
  std::size_t needed = deserted.size() > half ? deserted.size() - half : 0;
  if (crowded()) needed = std::max(needed, lane(Lane::awaited).size());
  std::vector<const TransferRequest*> ending;
  for (const auto& [since, request] : deserted) {
    const cache::Demand& demand = *under_way_.at(request).demand;
    const bool expendable = demand.level() == Level::nobody || demand.expendable();
    const bool in_the_way = ending.size() < needed && (expendable || now - since >= nearly_there);
    const bool too_long = awaited > 0 && expendable && now - since >= beside_others;
    if (in_the_way || too_long) ending.push_back(request);
  }
  return ending;
}

}  // namespace entrepot::upstream
