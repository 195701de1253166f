// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "conf/config.h"

namespace entrepot::conf {

/// Whether an endpoint is the registry itself and not somebody's mirror of it: its host, with or
/// without the port, is the upstream's name or an alias, or a host below the name
/// (registry-1.docker.io of docker.io). REQUIRES: the URL has passed its check.
bool is_registry_itself(const Upstream& upstream, const Endpoint& endpoint);

/// Whether an upstream's credentials are meant for this endpoint of it, which has none of its own:
/// it is the only one, or the registry itself. What is meant for the registry is no mirror's
/// business. REQUIRES: the URL has passed its check.
bool are_for(const Upstream& upstream, const Endpoint& endpoint);

}  // namespace entrepot::conf
