// SPDX-License-Identifier: Apache-2.0
// The HTTP request for an object, and what a response says about the object. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "cache/api/source.h"
#include "proxy/upstream/endpoint_request.h"
#include "proxy/upstream/wire/response_head.h"

namespace entrepot::upstream {

/// The part of an object that a request is for.
struct RequestedPart {
  std::uint64_t begin = 0;       ///< offset of the first byte
  bool ranged = false;           ///< the request has a Range header
  bool instead_of_head = false;  ///< a GET where the client wants the result of a HEAD
};

/// The request for `part` of the object that `request` wants, to the endpoint at `address`.
/// `if_range`: a strong ETag of that endpoint, or empty.
RequestSpec object_spec(const cache::FetchRequest& request, const RequestedPart& part,
                        const EndpointAddress& address, const Waiters& waiters,
                        std::string_view if_range);

/// True for the digest of the empty blob, of which no range exists.
bool is_empty_blob(std::string_view reference);

/// The offset at which the body of a response begins in the object, and the size of the object.
struct ObjectPlace {
  std::uint64_t begin = 0;
  std::optional<std::uint64_t> total;
};

/// The place of the body of a 2xx response to a request for `part` of the object that `request`
/// wants; or the reason not to use the response, as a phrase that continues its endpoint's name.
std::variant<ObjectPlace, std::string> place_of(const ResponseHead& head, const RequestedPart& part,
                                                const cache::FetchRequest& request);

/// The description of the object by that response, without `endpoint` and `near_mirror`.
cache::FetchHead describe(const cache::FetchRequest& request, const RequestedPart& part,
                          const ResponseHead& head, const ObjectPlace& place);

}  // namespace entrepot::upstream
