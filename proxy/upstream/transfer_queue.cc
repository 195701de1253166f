// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/transfer_queue.h"

#include <algorithm>
#include <utility>

namespace entrepot::upstream {

void TransferQueue::add(std::unique_ptr<Running> running, Time now) {
  waiting_.push_back({std::move(running), now});
}

TransferQueue::Kind TransferQueue::kind_of(const Waiting& waiting, Time now) {
  const TransferRequest& request = waiting.running->request();
  if (request.urgent) return Kind::urgent;
  const bool background = request.background && now - waiting.since < longest_wait;
  return background ? Kind::background : Kind::awaited;
}

bool TransferQueue::may_go(Kind kind) const {
  if (kind == Kind::urgent) return true;
  if (used_ >= slots_) return false;
  return kind == Kind::awaited || used_in_background_ < std::max<std::size_t>(slots_ / 2, 1);
}

std::size_t TransferQueue::under_way(const Running& running) const {
  const auto found = under_way_.find(running.request().repository);
  return found == under_way_.end() ? 0 : found->second;
}

std::unique_ptr<Running> TransferQueue::next(Time now) {
  const auto rank = [&](const Waiting& one) {
    return std::pair(kind_of(one, now), under_way(*one.running));
  };
  auto best = waiting_.end();
  for (auto one = waiting_.begin(); one != waiting_.end(); ++one)
    if (may_go(kind_of(*one, now)) && (best == waiting_.end() || rank(*one) < rank(*best)))
      best = one;
  if (best == waiting_.end()) return nullptr;
  auto running = std::move(best->running);
  waiting_.erase(best);
  const TransferRequest& request = running->request();
  if (request.urgent) return running;
  ++used_;
  ++under_way_[request.repository];
  if (request.background) ++used_in_background_;
  return running;
}

void TransferQueue::ended(const Running& running) {
  const TransferRequest& request = running.request();
  if (request.urgent) return;
  --used_;
  if (request.background) --used_in_background_;
  const auto found = under_way_.find(request.repository);
  if (--found->second == 0) under_way_.erase(found);
}

void TransferQueue::drop(const Running& running) {
  waiting_.remove_if([&](const Waiting& one) { return one.running.get() == &running; });
}

}  // namespace entrepot::upstream
