// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "conf/config.h"

namespace entrepot::conf {

/// Whether an upstream's credentials are meant for this endpoint of it, which has none of its own:
/// it is the only one, or its host is the upstream's name, an alias, or a host below the name
/// (registry-1.docker.io of docker.io). What is meant for the registry is no mirror's business.
/// REQUIRES: the URL has passed its check.
bool are_for(const Upstream& upstream, const Endpoint& endpoint);

}  // namespace entrepot::conf
