// SPDX-License-Identifier: Apache-2.0
// Error bodies of the registry API and what each failure of the cache is to a client
// (protocol notes 1.9).
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "cache/failure.h"
#include "proxy/registry/route.h"

namespace entrepot::registry {

/// OCI distribution-spec, "Error Codes", and the extensions of the distribution project.
enum class ErrorCode : std::uint8_t {
  blob_unknown,
  blob_upload_unknown,
  denied,
  digest_invalid,
  manifest_unknown,
  name_invalid,
  name_unknown,
  pagination_number_invalid,
  range_invalid,
  size_invalid,
  too_many_requests,
  unavailable,
  unknown,
  unsupported,
};

/// "BLOB_UNKNOWN"
std::string_view to_string(ErrorCode code);

/// What an error reply says.
struct Error {
  int status;
  ErrorCode code;
  std::string_view message;
  /// Sent as Retry-After unless 0.
  std::chrono::seconds retry_after{0};
};

/// The JSON document: `{"errors":[{"code":"…","message":"…"}]}`. Escapes the message, whatever
/// bytes it holds, and cuts it at 1 KiB.
std::string error_body(ErrorCode code, std::string_view message);

/// The error reply for something that could not be had. `docker_hub`: that registry says "denied"
/// for repositories that do not exist. The result borrows the failure's message.
Error error_for(const cache::Failure& failure, Resource resource, bool docker_hub);

/// The code that goes with a status the HTTP server refused a request with.
ErrorCode code_for_refusal(int status);

}  // namespace entrepot::registry
