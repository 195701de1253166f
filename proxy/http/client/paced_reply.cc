// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/client/paced_reply.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace entrepot::http {

PacedReply::PacedReply(Pace& pace, loop::Loop& loop, std::function<void()> wake,
                       const metrics::Counter* delayed)
    : pace_(pace), loop_(loop), wake_(std::move(wake)), delayed_(delayed) {}

PacedReply::~PacedReply() {
  loop_.assert_in_loop();
  if (reserved_ > 0) pace_.give_back(reserved_);
}

std::uint64_t PacedReply::allow(std::uint64_t bytes) {
  if (reserved_ > 0) return waits_ ? 0 : reserved_;
  if (bytes == 0) return 0;
  const auto now = Pace::Clock::now();
  const auto departure = pace_.reserve(bytes, now);
  reserved_ = bytes;
  if (departure <= now) return bytes;
  waits_ = true;
  if (const auto* counter = std::exchange(delayed_, nullptr)) counter->add();
  departure_ = loop_.after(std::chrono::ceil<std::chrono::milliseconds>(departure - now), [this] {
    waits_ = false;
    wake_();  // which may destroy this
  });
  return 0;
}

std::uint64_t PacedReply::allow_part(std::uint64_t left) {
  return std::min(left, allow(std::min(left, pace_.part())));
}

void PacedReply::sent(std::uint64_t bytes) { reserved_ -= std::min(reserved_, bytes); }

}  // namespace entrepot::http
