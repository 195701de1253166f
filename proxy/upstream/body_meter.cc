// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/body_meter.h"

#include <utility>

namespace entrepot::upstream {

void BodyMeter::begin(Time now) {
  running_ = true;
  stats_.body_begins();
  restart(now);
}

void BodyMeter::hold(bool on) {
  held_ = on;
  spoiled_ = true;
}

std::optional<double> BodyMeter::second(Time now) {
  const bool counts = !spoiled_;
  const double rate = measure(0, now);
  return counts ? std::optional(rate) : std::nullopt;
}

void BodyMeter::complete(Time now) {
  if (running_) measure(least_measured, now);
  stop();
}

void BodyMeter::stop() {
  if (std::exchange(running_, false)) stats_.body_ends();
}

/// Ends the interval, and reports it unless it has fewer than `least` bytes or was held.
double BodyMeter::measure(std::uint64_t least, Time now) {
  const auto took = now - since_;
  if (!spoiled_ && bytes_ >= least) {
    stats_.received(bytes_, took, now);
    metrics_.rate().set(*stats_.rate().mean());
  }
  const double rate = static_cast<double>(bytes_) / std::chrono::duration<double>(took).count();
  restart(now);
  return rate;
}

void BodyMeter::restart(Time now) {
  since_ = now;
  bytes_ = 0;
  spoiled_ = held_;
}

}  // namespace entrepot::upstream
