// SPDX-License-Identifier: Apache-2.0
//
// A loop that is held when it is asked and goes on within twice the interval costs nobody the
// process: its late answer is said at once, not in the round to come.
#include "proxy/app/watchdog.h"

#include <string>
#include <utility>

#include "metrics/log.h"

namespace entrepot::app {

Watchdog::Watchdog(loop::Loop& home, std::vector<loop::Loop*> watched,
                   std::chrono::milliseconds interval, std::function<void()> alive)
    : home_(home), watched_(std::move(watched)), interval_(interval), alive_(std::move(alive)) {
  begin_round();
}

void Watchdog::begin_round() {
  timer_ = home_.after(interval_, [this] { begin_round(); });
  if (!silent_.empty()) return name_the_silent();
  asked_ = std::chrono::steady_clock::now();
  silent_.assign(watched_.begin(), watched_.end());
  for (auto* loop : watched_)
    loop->post([this, loop] { home_.post([this, loop] { answered(loop); }); });
}

void Watchdog::answered(const loop::Loop* loop) {
  std::erase(silent_, loop);
  if (silent_.empty()) alive_();
}

void Watchdog::name_the_silent() const {
  std::string names;
  for (const auto* loop : silent_) names += (names.empty() ? "" : ", ") + loop->name();
  const auto since = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - asked_);
  log::error("held for {} ms: {}; the service manager restarts a process that stays so",
             since.count(), names);
}

}  // namespace entrepot::app
