// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

namespace entrepot::upstream {

struct Timeouts {
  /// Name, TCP and TLS together.
  std::chrono::milliseconds connect{std::chrono::seconds(5)};
  /// From the request to the end of the response head, the connecting not counted.
  std::chrono::milliseconds first_byte{std::chrono::seconds(30)};
  /// A body below Limits::stall_bytes_per_second for this long is a stall.
  std::chrono::milliseconds stall{std::chrono::seconds(20)};
  /// The wait for an endpoint of unknown time to the first byte before another endpoint gets the
  /// request too.
  std::chrono::milliseconds patience{std::chrono::seconds(1)};
  /// Between two probes of an endpoint while its upstream is used, and while it is not.
  std::chrono::milliseconds probe_used{std::chrono::seconds(15)};
  std::chrono::milliseconds probe_idle{std::chrono::minutes(5)};
  /// A request without a response head is not repeated after this time.
  std::chrono::milliseconds retry_for{std::chrono::seconds(5)};
  /// First and longest wait between tries.
  std::chrono::milliseconds backoff_first{200};
  std::chrono::milliseconds backoff_longest{std::chrono::seconds(4)};
  /// The pause of an endpoint after a 429 that names no time: the first one, then twice as long
  /// each time while refusals go on, up to the second; at once the second when its budget is spent.
  std::chrono::milliseconds rate_limit_first{std::chrono::seconds(1)};
  std::chrono::milliseconds rate_limit{std::chrono::seconds(30)};
  /// A request that got such a 429 is not repeated after this time.
  std::chrono::milliseconds limited_for{std::chrono::seconds(10)};
  /// A token is renewed in the background once this share of its life is over.
  double renew_token_after = 0.8;
  /// A token younger than this that is refused is not fetched again: it would not help.
  std::chrono::milliseconds young_token{std::chrono::seconds(5)};
  /// The time without a request to a token server that refused our credentials, or that failed.
  std::chrono::milliseconds token_denied{std::chrono::seconds(10)};
  std::chrono::milliseconds token_failed{std::chrono::seconds(1)};
  /// How long the challenge of /v2/, or its absence, is remembered, and how long a failure to get
  /// it.
  std::chrono::milliseconds base_challenge{std::chrono::minutes(1)};
  std::chrono::milliseconds base_failed{std::chrono::seconds(5)};
  /// How long a check of an account that did not find it refused is remembered.
  std::chrono::milliseconds account_checked{std::chrono::seconds(10)};
  /// The wait before an account whose check was answered with 403 is checked again: a firewall may
  /// answer it for a moment.
  std::chrono::milliseconds account_confirmed_after{std::chrono::seconds(2)};
  /// The wait before a refused account is checked again, doubled up to the second: some registries
  /// lock an account after many wrong passwords.
  std::chrono::milliseconds account_refused_first{std::chrono::minutes(1)};
  std::chrono::milliseconds account_refused_longest{std::chrono::minutes(15)};
};

/// The longest wait of a login for the result of another one that sends the same password.
constexpr std::chrono::milliseconds password_wait(const Timeouts& timeouts) {
  return timeouts.first_byte / 10;
}

struct Limits {
  /// Transfers at once per upstream; the rest queue, token requests excepted.
  int transfers = 50;
  int tries = 4;    ///< before the head: connection failures and 5xx; three in ten may fail
  int resumes = 5;  ///< of a broken body without resume_progress in between
  std::uint64_t resume_progress = 1024 * 1024;
  double hedges = 0.05;  ///< share of requests that a second endpoint gets too
  int moves = 3;         ///< times a body leaves an endpoint that is slow, not broken
  int redirects = 10;    ///< hops of one request
  int cdn_returns = 2;   ///< times a redirect's target that answers 401 or 403 sends us back
  std::uint64_t stall_bytes_per_second = 1024;
  /// Pages of one list. Pages of less than eight entries are allowed in short lists only.
  int listing_pages = 250;
  /// Bytes of all pages of a list together. ListingFlights::max_kept_bytes has room for each such
  /// list.
  std::uint64_t list_bytes = 8ULL * 1024 * 1024;
  /// Bytes of all running lists of an upstream, without the first 64 KiB of each.
  std::uint64_t lists_bytes = 32ULL * 1024 * 1024;
};

}  // namespace entrepot::upstream
