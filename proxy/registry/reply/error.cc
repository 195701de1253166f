// SPDX-License-Identifier: Apache-2.0
#include "proxy/registry/reply/error.h"

#include <algorithm>

namespace entrepot::registry {
namespace {

constexpr std::size_t max_message = 1024;

/// Retry-After for a rate limit of unknown duration, and the maximum that is passed on.
constexpr std::chrono::seconds default_wait{30};
/// Retry-After for an upstream that did not answer.
constexpr std::chrono::seconds unavailable_wait{1};
constexpr std::chrono::seconds max_wait{600};

/// Copies printable ASCII except quote and backslash, and escapes every other byte as \u00XX. Bytes
/// of other encodings remain readable, and the document is valid whatever the upstream sent.
void append_escaped(std::string& out, std::string_view text) {
  constexpr char digits[] = "0123456789abcdef";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (byte >= 0x20 && byte < 0x7f) {
      out.push_back(c);
    } else {
      out += "\\u00";
      out.push_back(digits[byte >> 4]);
      out.push_back(digits[byte & 15]);
    }
  }
}

/// Passes on the registry's status if engines expect it from a registry and do not act on it (401
/// would request a login, 407 a login of a proxy).
Error refused(const cache::Failure& failure) {
  switch (failure.status) {
    case 400:
    case 402:
    case 412:
    case 422:
    case 451:
      return {failure.status, ErrorCode::denied, failure.message};
    default:
      return {403, ErrorCode::denied, failure.message};
  }
}

Error absent(Resource resource, const cache::Failure& failure) {
  if (!failure.reason.empty() && resource == Resource::manifest)
    return {404, ErrorCode::manifest_unknown, failure.reason};
  switch (resource) {
    case Resource::manifest:
      return {404, ErrorCode::manifest_unknown, "manifest unknown to the upstream registry"};
    case Resource::blob:
      return {404, ErrorCode::blob_unknown, "blob unknown to the upstream registry"};
    default:
      return {404, ErrorCode::name_unknown, "repository unknown to the upstream registry"};
  }
}

}  // namespace

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::blob_unknown:
      return "BLOB_UNKNOWN";
    case ErrorCode::blob_upload_unknown:
      return "BLOB_UPLOAD_UNKNOWN";
    case ErrorCode::denied:
      return "DENIED";
    case ErrorCode::digest_invalid:
      return "DIGEST_INVALID";
    case ErrorCode::manifest_unknown:
      return "MANIFEST_UNKNOWN";
    case ErrorCode::name_invalid:
      return "NAME_INVALID";
    case ErrorCode::name_unknown:
      return "NAME_UNKNOWN";
    case ErrorCode::pagination_number_invalid:
      return "PAGINATION_NUMBER_INVALID";
    case ErrorCode::range_invalid:
      return "RANGE_INVALID";
    case ErrorCode::size_invalid:
      return "SIZE_INVALID";
    case ErrorCode::too_many_requests:
      return "TOOMANYREQUESTS";
    case ErrorCode::unauthorized:
      return "UNAUTHORIZED";
    case ErrorCode::unavailable:
      return "UNAVAILABLE";
    case ErrorCode::unknown:
      return "UNKNOWN";
    case ErrorCode::unsupported:
      return "UNSUPPORTED";
  }
  return "UNKNOWN";
}

std::string error_body(ErrorCode code, std::string_view message) {
  message = message.substr(0, max_message);
  std::string body;
  body.reserve(64 + message.size());
  body += R"({"errors":[{"code":")";
  body += to_string(code);
  body += R"(","message":")";
  append_escaped(body, message);
  body += R"("}]})";
  return body;
}

Error error_for(const cache::Failure& failure, Resource resource, bool docker_hub) {
  const std::chrono::seconds wait =
      std::clamp(failure.retry_after, std::chrono::seconds(0), max_wait);
  switch (failure.kind) {
    case cache::FailureKind::not_found:
      return absent(resource, failure);
    case cache::FailureKind::denied:
      // Since 2023 Docker Hub answers 401 for repositories that do not exist.
      if (docker_hub && failure.reason.empty() && refused(failure).status == 403)
        return {404, ErrorCode::name_unknown, "repository does not exist or may not be read"};
      return refused(failure);
    case cache::FailureKind::rate_limited:
      // 503 instead of 429: every engine then falls back to the next endpoint immediately instead
      // of waiting.
      return {503, ErrorCode::unavailable, failure.message, wait.count() > 0 ? wait : default_wait};
    case cache::FailureKind::unavailable:
      return {503, ErrorCode::unavailable, failure.message,
              wait.count() > 0 ? wait : unavailable_wait};
    case cache::FailureKind::bad_upstream:
      // A loop of mirrors is reported to each of them: a retry does not help.
      if (failure.status == 508) return {508, ErrorCode::unavailable, failure.message};
      if (!failure.reason.empty()) return refused(failure);
      return {502, ErrorCode::unknown, failure.message};
    case cache::FailureKind::store:
      return {503, ErrorCode::unavailable, failure.message, unavailable_wait};
  }
  return {500, ErrorCode::unknown, failure.message};
}

ErrorCode code_for_refusal(int status) {
  switch (status) {
    case 405:
    case 501:
      return ErrorCode::unsupported;
    case 413:
      return ErrorCode::size_invalid;
    case 429:
      return ErrorCode::too_many_requests;
    case 503:
      return ErrorCode::unavailable;
    default:
      return ErrorCode::unknown;
  }
}

}  // namespace entrepot::registry
