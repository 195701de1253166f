// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <list>
#include <memory>
#include <utility>

namespace entrepot::upstream {

/// The callers that wait for one result, in order. One thread. Destroying it leaves them waiting
/// for ever, without harm.
template <typename Sink>
class WaiterList {
 public:
  /// A caller that waits; destroying it stops the waiting.
  class Wait {
   public:
    Wait(std::list<Wait*>& others, Sink& sink) : others_(&others), sink_(sink) {
      place_ = others.insert(others.end(), this);
    }
    ~Wait() {
      if (others_ != nullptr) others_->erase(place_);
    }
    Wait(const Wait&) = delete;
    Wait& operator=(const Wait&) = delete;

   private:
    friend class WaiterList;
    Sink& leave() {
      std::exchange(others_, nullptr)->erase(place_);
      return sink_;
    }

    std::list<Wait*>* others_;  ///< null when it waits no more
    Sink& sink_;
    typename std::list<Wait*>::iterator place_;
  };

  WaiterList() = default;
  ~WaiterList() {
    while (!waiters_.empty()) waiters_.front()->leave();
  }
  WaiterList(const WaiterList&) = delete;
  WaiterList& operator=(const WaiterList&) = delete;

  /// `sink` outlives the Wait.
  [[nodiscard]] std::unique_ptr<Wait> add(Sink& sink) {
    return std::make_unique<Wait>(waiters_, sink);
  }
  bool empty() const { return waiters_.empty(); }
  /// As deliver(), but not to callers that it adds.
  template <typename Deliver>
  void deliver_present(Deliver deliver) {
    for (auto left = waiters_.size(); left > 0 && !waiters_.empty(); --left)
      deliver(waiters_.front()->leave());
  }
  /// Removes each caller and passes its sink to `deliver`, which may remove others and add new
  /// ones.
  template <typename Deliver>
  void deliver(Deliver deliver) {
    while (!waiters_.empty()) deliver(waiters_.front()->leave());
  }

 private:
  std::list<Wait*> waiters_;
};

}  // namespace entrepot::upstream
