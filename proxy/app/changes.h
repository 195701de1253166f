// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "conf/config.h"

namespace entrepot::app {

/// The differences between two configurations, by the work that a running process has to do;
/// ListenerPlan has those of `listen`.
struct Changes {
  bool cache = false;  ///< sizes, pins, scrub, tag rules
  bool log_level = false;
  /// Upstreams with other endpoints, credentials, authorities or timeouts.
  std::vector<std::string> upstreams;
  /// Changed keys that take effect at the next start only.
  std::vector<std::string> later;
  bool none() const { return !cache && !log_level && upstreams.empty() && later.empty(); }
};

/// `now` may lack its passwords: an upstream with credentials then counts as changed, because the
/// passwords may differ.
Changes changes_between(const conf::Config& now, const conf::Config& next);

}  // namespace entrepot::app
