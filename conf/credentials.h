// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "conf/config.h"

namespace entrepot::conf {

/// True if an endpoint is the registry itself and not a mirror of it: its host, with or without the
/// port, is the upstream's name or an alias, or a subdomain of the name (registry-1.docker.io of
/// docker.io). REQUIRES: the URL is valid.
bool is_registry_itself(const Upstream& upstream, const Endpoint& endpoint);

/// True if the credentials of an upstream apply to this endpoint, which has none of its own: it is
/// the only endpoint, or the registry itself. Credentials of the registry are never sent to a
/// mirror. REQUIRES: the URL is valid.
bool credentials_apply_to(const Upstream& upstream, const Endpoint& endpoint);

}  // namespace entrepot::conf
