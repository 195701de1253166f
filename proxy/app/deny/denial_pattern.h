// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "conf/config.h"

namespace entrepot::app {

/// An upstream that a pattern may begin with.
struct DenialUpstream {
  std::string name;
  bool docker_hub = false;  ///< a repository without '/' is one of library/ there
};

/// The upstreams of a configuration.
std::vector<DenialUpstream> denial_upstreams(const conf::Config& config);

/// The fault of a pattern that is to be denied, with its cure; nullopt if it has none. Besides the
/// faults of access::Denials::fault(): an upstream that is not configured, and a pattern that no
/// repository can match (OCI distribution-spec, "Pulling manifests"), so that nobody takes for
/// denied what is not. Pure.
std::optional<std::string> fault_of_new_denial(std::string_view pattern,
                                               const std::vector<DenialUpstream>& upstreams);

}  // namespace entrepot::app
