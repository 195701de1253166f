// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/endpoint/trouble_log.h"

#include "metrics/log.h"

namespace entrepot::upstream {

void TroubleLog::failed(metrics::EndpointFailure reason, std::string_view why, bool certain) {
  const auto line = trouble_.failed(reason, why, certain, Trouble::Time::clock::now());
  if (line == Trouble::Line::none) return;
  const std::string_view how = line == Trouble::Line::changed ? "fails for another reason now"
                               : breaker_.open()              ? "does not answer"
                                                              : "answers, but its answers fail";
  const auto longest = std::chrono::ceil<std::chrono::seconds>(breaker_.longest()).count();
  const auto remedy = remedy_of(reason);
  log::warn("{}: {} {} ({}){}{}; cached objects are served, and it is tried again{}",
            address_.upstream(), address_.label(), how, why, remedy.empty() ? "" : "; ", remedy,
            breaker_.open() ? " at intervals of " + std::to_string(longest) + " s at most"
                            : " with each request");
}

void TroubleLog::worked() {
  if (trouble_.succeeded()) log::info("{}: {} works again", address_.upstream(), address_.label());
}

}  // namespace entrepot::upstream
