// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/status/hour_figures.h"

namespace entrepot::app {

void HourFigures::add(cache::SteadyTime now, const metrics::Counts& counts) {
  if (!due(now)) return;
  samples_.push_back({now, counts});
  // The first one is as old as the hour, or the oldest there is.
  while (samples_.size() > 1 && now - samples_[1].at >= span) samples_.pop_front();
}

HourFigures::Figures HourFigures::until(cache::SteadyTime now,
                                        const metrics::Counts& counts) const {
  const Sample& base = samples_.front();
  Figures figures{std::chrono::duration_cast<std::chrono::seconds>(now - base.at), counts};
  figures.counts -= base.counts;
  return figures;
}

}  // namespace entrepot::app
