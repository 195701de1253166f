// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <utility>
#include <vector>

#include "proxy/loop/loop.h"

namespace entrepot::loop {

/// A value that loops read without a lock, and that one other thread replaces. A replaced value
/// lives until each of the loops has ended the turn in which it may have read it.
template <typename Value>
class Published {
 public:
  /// `first` is not null. `readers` outlive this.
  Published(std::shared_ptr<const Value> first, std::vector<Loop*> readers)
      : owned_(std::move(first)), readers_(std::move(readers)), current_(owned_.get()) {}
  Published(const Published&) = delete;
  Published& operator=(const Published&) = delete;

  /// Valid until the end of the present turn. Loops of `readers` only.
  const Value& get() const { return *current_.load(std::memory_order_acquire); }
  /// Always the same thread. `next` is not null.
  void replace(std::shared_ptr<const Value> next) {
    const auto before = std::exchange(owned_, std::move(next));
    current_.store(owned_.get(), std::memory_order_release);
    for (Loop* reader : readers_) reader->post([before] {});
  }

 private:
  std::shared_ptr<const Value> owned_;
  const std::vector<Loop*> readers_;
  std::atomic<const Value*> current_;
};

}  // namespace entrepot::loop
