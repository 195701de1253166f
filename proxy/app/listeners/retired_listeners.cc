// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/listeners/retired_listeners.h"

#include <algorithm>
#include <utility>

#include "metrics/log.h"
#include "proxy/http/listener.h"

namespace entrepot::app {

RetiredListeners::RetiredListeners(loop::Loop& control, std::chrono::milliseconds longest)
    : control_(control), longest_(longest) {}

void RetiredListeners::add(std::unique_ptr<ClientListener> listener, http::Next next) {
  control_.assert_in_loop();
  drain(std::move(listener), next);
  entries_[last_id_].limit = control_.after(longest_, [this, id = last_id_] { cut(id); });
}

void RetiredListeners::drain(std::unique_ptr<ClientListener> listener, http::Next next) {
  auto& entry = entries_[++last_id_];
  entry.listener = std::move(listener);
  ++shared_->open;
  entry.listener->drain(next, [shared = shared_, &control = control_, id = last_id_] {
    control.post([shared, id] {
      --shared->open;
      if (shared->owner != nullptr) return shared->owner->remove(id);
      if (shared->open == 0) shared->ended();
    });
  });
}

void RetiredListeners::remove(Id id) {
  control_.assert_in_loop();
  const auto found = entries_.find(id);
  log::info("{}: the last connection of the listener that a reload has ended is closed",
            found->second.listener->name());
  entries_.erase(found);
}

void RetiredListeners::cut(Id id) {
  auto& listener = *entries_.at(id).listener;
  if (listener.connections() == 0) return;  // its last job is on the way
  log::warn(
      "{}: cutting {} connections of a listener that a reload has ended: the time to drain is over",
      listener.name(), listener.connections());
  listener.close();
}

void RetiredListeners::finish(std::vector<std::unique_ptr<ClientListener>> last, http::Next next,
                              std::function<void()> ended) {
  control_.assert_in_loop();
  shared_->owner = nullptr;
  shared_->ended = std::move(ended);
  for (auto& [id, entry] : entries_) entry.limit.reset();
  for (auto& listener : last) drain(std::move(listener), next);
}

void RetiredListeners::close() {
  control_.assert_in_loop();
  for (auto& [id, entry] : entries_) entry.listener->close();
}

std::size_t RetiredListeners::connections() const {
  std::size_t sum = 0;
  for (const auto& [id, entry] : entries_) sum += entry.listener->connections();
  return sum;
}

bool RetiredListeners::may_hold(const std::string& address) const {
  return std::any_of(entries_.begin(), entries_.end(), [&](const auto& one) {
    const auto& listener = *one.second.listener;
    return listener.holds_address() && http::overlap(listener.address(), address);
  });
}

}  // namespace entrepot::app
