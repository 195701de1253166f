// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "conf/config.h"
#include "conf/differences.h"

namespace entrepot::app {

/// The differences between two configurations of one process, by the work that it has to do;
/// ListenerPlan has those of `listen`.
struct Changes {
  bool cache = false;  ///< sizes, pins, scrub, upstreams, their access, tag rules, transfers
  bool log_level = false;
  /// Names of upstreams that come and go.
  std::vector<std::string> added, removed;
  /// Upstreams with other endpoints, names, credentials, authorities or timeouts.
  std::vector<std::string> upstreams;
  /// The keys, for the log. Listeners that come and go are not among them, because
  /// PreparedListeners names them.
  std::vector<conf::Difference> keys;
};

/// `now` may lack its passwords: an upstream with credentials then counts as changed, because the
/// passwords may differ. Pure.
Changes changes_between(const conf::Config& now, const conf::Config& next);

}  // namespace entrepot::app
