// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/account/rate_gate.h"

namespace entrepot::upstream {

bool RateGate::pause(Time now, std::chrono::milliseconds first, std::chrono::milliseconds longest) {
  if (now < pause_until_) return false;
  if (pauses_ > 0 && now - pause_until_ > longest) pauses_ = 0;  // that was another time
  auto span = std::min(first, longest);
  for (int i = 0; i < pauses_ && span < longest; ++i) span = std::min(span * 2, longest);
  ++pauses_;
  pause_until_ = now + span;
  return true;
}

void RateGate::let_through(Time now) {
  // The response to a request from before the pause says nothing about its end.
  if (now < pause_until_) return;
  pauses_ = 0;
  next_trial_ = {};
}

}  // namespace entrepot::upstream
