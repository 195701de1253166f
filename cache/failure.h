// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace entrepot::cache {

/// Why something could not be had. Decisions (stale, negative entry, status to the client) read the
/// kind, never the message.
enum class FailureKind {
  not_found,     ///< definitive: the upstream answered 404
  denied,        ///< definitive: 401 or 403 after our own authentication, or a policy's 412
  rate_limited,  ///< 429, or a circuit opened by one
  unavailable,   ///< refused, reset, timed out, DNS, 5xx: asking again later may help
  bad_upstream,  ///< an answer we must not use: wrong digest, not a manifest, forbidden redirect or
                 ///< realm, TLS not valid, caps exceeded
  store,         ///< our disk or index failed
};

/// Log word of a kind, and the `reason` label of entrepot_endpoint_failures_total.
std::string_view to_string(FailureKind kind);

struct Failure {
  FailureKind kind = FailureKind::unavailable;
  /// One line for the log and for operators: what, where, what to do. Never holds a secret, nor the
  /// query of a signed URL.
  std::string message;
  /// The upstream's HTTP status, 0 when there was none.
  int status = 0;
  /// What the upstream asked us to wait; 0 when it did not say.
  std::chrono::seconds retry_after{0};
  /// not_found, denied: not all who could know were heard. It is an answer, and no reason to forget
  /// what is stored.
  bool doubtful = false;
  /// unavailable: this mirror itself gave the question up, as nobody waits for it or too many wait.
  bool given_up = false;
  /// The reason that clients are told: the registry's own words, or ours where the cache refuses
  /// what the registry has. Printable ASCII of bounded length, part of `message` as well; may be
  /// empty.
  std::string reason = {};
};

/// True where the upstream would not have the question as it was put: 400 and its like; 508, a
/// circle that it sees in the Via. Put otherwise, it may be answered.
inline bool refuses_question(const Failure& failure) {
  return failure.kind == FailureKind::bad_upstream &&
         (failure.status == 508 || (failure.status >= 400 && failure.status < 500));
}

/// True for the failures that a stale answer may cover (design: network, 5xx, 429).
inline bool stale_may_cover(const Failure& failure) {
  return failure.kind == FailureKind::rate_limited || failure.kind == FailureKind::unavailable ||
         failure.kind == FailureKind::bad_upstream || failure.doubtful;
}

}  // namespace entrepot::cache
