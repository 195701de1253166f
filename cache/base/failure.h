// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

namespace entrepot::cache {

/// Reason of a failed request. Decisions (stale answer, negative entry, status for the client)
/// depend on the kind, never on the message.
enum class FailureKind {
  not_found,     ///< definitive: the upstream answered 404
  denied,        ///< definitive: 401 or 403 after authentication, or 412 by a policy
  rate_limited,  ///< 429, or a circuit opened by one
  unavailable,   ///< refused, reset, timed out, DNS, 5xx: a later retry may succeed
  /// A response that must not be used: wrong digest, not a manifest, forbidden redirect or realm,
  /// invalid TLS, limit exceeded.
  bad_upstream,
  store,  ///< the disk or the index failed
};

struct Failure {
  FailureKind kind = FailureKind::unavailable;
  /// One line for logs and operators: the failed operation, its object and the remedy. Contains
  /// neither secrets nor the query of a signed URL.
  std::string message;
  /// The HTTP status of the upstream; 0 without a response.
  int status = 0;
  /// The upstream's Retry-After; 0 if absent.
  std::chrono::seconds retry_after{0};
  /// For not_found and denied: not every endpoint that could have the object has answered. The
  /// failure may be returned to the client, but it does not invalidate stored data.
  bool doubtful = false;
  /// For unavailable: the mirror itself cancelled the request, because no client waits for it or
  /// too many requests wait.
  bool given_up = false;
  /// The reason reported to clients: the registry's own message, or the cache's if the cache
  /// rejects the registry's content. Printable ASCII of bounded length, contained in `message`; may
  /// be empty.
  std::string reason = {};
};

/// True if the upstream rejected the form of the request: a status of 400 to 499, or 508, a loop
/// detected by the Via field. The same object may be available to a request of another form.
inline bool rejects_request(const Failure& failure) {
  return failure.kind == FailureKind::bad_upstream &&
         (failure.status == 508 || (failure.status >= 400 && failure.status < 500));
}

/// True if the upstream lacks a manifest by its digest, or rejects requests by digest. Some
/// registries have manifests by tag only.
inline bool lacks_digest(const Failure& failure) {
  return failure.kind == FailureKind::not_found ||
         (rejects_request(failure) && failure.status != 508);
}

/// True if another Accept field may get another answer: registries that select by it answer 404 or
/// 406 where they have no manifest of the listed types.
inline bool may_be_due_to_accept(const Failure& failure) {
  return failure.kind == FailureKind::not_found || failure.status == 406;
}

/// True for the kinds by which an upstream says that it will not deliver the object, now or later.
constexpr bool is_definitive(FailureKind kind) {
  return kind == FailureKind::not_found || kind == FailureKind::denied;
}

/// True for a registry's own reason to refuse a request, such as a policy of a project: neither an
/// outage nor a fault of the endpoint.
inline bool is_policy(const Failure& failure) {
  return rejects_request(failure) && !failure.reason.empty();
}

/// True for the failures that a stale answer may cover: of the network, 5xx, 429, and answers that
/// are none of a registry. A policy's refusal must reach the client.
inline bool stale_may_cover(const Failure& failure) {
  if (is_policy(failure)) return failure.doubtful;
  return failure.kind == FailureKind::rate_limited || failure.kind == FailureKind::unavailable ||
         failure.kind == FailureKind::bad_upstream || failure.doubtful;
}

}  // namespace entrepot::cache
