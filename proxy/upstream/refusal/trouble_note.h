// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "cache/base/failure.h"
#include "proxy/upstream/endpoint/endpoint.h"

namespace entrepot::upstream {

/// Reports a failure to Endpoint::trouble(). A doubtful one concerns more than the object. `what`:
/// the request, as the message may begin; the report has neither it nor the object, which is
/// another one each time. `where`: goes before the message. Loop thread only.
void note_trouble(Endpoint& endpoint, const std::string& what, EndpointFailure reason,
                  const cache::Failure& failure, std::string_view where = {});

}  // namespace entrepot::upstream
