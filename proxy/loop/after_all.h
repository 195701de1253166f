// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <vector>

#include "proxy/loop/loop.h"

namespace entrepot::loop {

/// Posts `act` to `on` once each of `loops` has done all that has been posted to it by now. Never,
/// if one of them ends before. At once without loops. Any thread; the loops outlive their jobs.
inline void after_all(const std::vector<Loop*>& loops, Loop& on, const Job& act) {
  if (loops.empty()) return on.post(act);
  const auto left = std::make_shared<std::atomic<std::size_t>>(loops.size());
  for (Loop* loop : loops)
    loop->post([left, &on, act] {
      if (left->fetch_sub(1) == 1) on.post(act);
    });
}

}  // namespace entrepot::loop
