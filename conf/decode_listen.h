// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "conf/config.h"
#include "conf/json/json.h"
#include "conf/json/problems.h"

namespace entrepot::conf {

class ObjectReader;

/// Reads the keys of the document that say who may reach the mirror: `listen`, `admin`, `access`
/// and `groups`. As decode().
void decode_listen(ObjectReader& in, Config& config);

/// Reads `policy`, after the upstreams have been read.
void decode_policy(ObjectReader& in, Config& config);

}  // namespace entrepot::conf
