// SPDX-License-Identifier: Apache-2.0
// Error bodies of the registry API (distribution-spec, "Error Codes"), and the error reply for each
// failure of the cache.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "cache/base/failure.h"
#include "proxy/registry/request/route.h"

namespace entrepot::registry {

/// The error codes of the distribution-spec ("Error Codes") and the extensions of the distribution
/// project.
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
  unauthorized,
  unavailable,
  unknown,
  unsupported,
};

/// Returns "BLOB_UNKNOWN" etc.
std::string_view to_string(ErrorCode code);

/// The content of an error reply.
struct Error {
  int status;
  ErrorCode code;
  std::string_view message;
  /// Sent as Retry-After unless 0.
  std::chrono::seconds retry_after{0};
  /// Sent as WWW-Authenticate unless empty.
  std::string_view challenge = {};
};

/// Builds the JSON document `{"errors":[{"code":"…","message":"…"}]}`. Escapes arbitrary bytes in
/// the message and truncates it to 1 KiB.
std::string error_body(ErrorCode code, std::string_view message);

/// Maps a failure of the cache to its error reply. `docker_hub`: this registry answers "denied" for
/// repositories that do not exist. The result refers to the message of the failure.
Error error_for(const cache::Failure& failure, Resource resource, bool docker_hub);

/// The error code for a status with which the HTTP server rejected a request.
ErrorCode code_for_refusal(int status);

}  // namespace entrepot::registry
