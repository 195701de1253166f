// SPDX-License-Identifier: Apache-2.0
#include "metrics/logging/latest_lines.h"

#include <algorithm>
#include <string_view>

namespace entrepot::log {

std::vector<LatestLine> LatestLines::lines() {
  const std::lock_guard lock(mutex_);
  return {lines_.begin(), lines_.end()};
}

void LatestLines::sink_it_(const spdlog::details::log_msg& message) {
  const std::string_view text(message.payload.data(), std::min(message.payload.size(), longest));
  const auto now = std::chrono::steady_clock::now();
  if (!lines_.empty() && lines_.front().text == text) {
    lines_.front().at = now;
    ++lines_.front().times;
    return;
  }
  lines_.push_front({now, message.level >= spdlog::level::err, std::string(text)});
  if (lines_.size() > most) lines_.pop_back();
}

}  // namespace entrepot::log
