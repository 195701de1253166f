// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "conf/config.h"

namespace entrepot::app {

/// What a process that runs with one configuration has to do to run with another.
struct Changes {
  bool cache = false;  ///< sizes, pins, scrub, tag rules
  bool log_level = false;
  /// With other endpoints, credentials, authorities or timeouts.
  std::vector<std::string> upstreams;
  /// Keys that count from the next start only.
  std::vector<std::string> later;
  bool none() const { return !cache && !log_level && upstreams.empty() && later.empty(); }
};

/// `now` may have lost its passwords: an upstream with credentials then counts as changed, since
/// they may be other ones.
Changes changes_between(const conf::Config& now, const conf::Config& next);

}  // namespace entrepot::app
