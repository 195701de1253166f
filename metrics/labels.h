// SPDX-License-Identifier: Apache-2.0
// The bounded label values shared by metrics, log and code.
#pragma once

#include <cstdint>
#include <string_view>

namespace entrepot::metrics {

/// What a client asked for: label `kind`.
enum class Kind : std::uint8_t { blob, manifest, tags, referrers, ping, other };
inline constexpr int kind_count = 6;

/// How a request ended: label `outcome`.
enum class Outcome : std::uint8_t {
  hit,     ///< answered from the store
  miss,    ///< this request started the upstream work
  joined,  ///< waited for work another request had started
  stale,   ///< answered from the store although it is due, because the upstream could not be asked
  revalidated,  ///< the upstream confirmed what the store had
  bypass,       ///< passed through without being stored
  error,        ///< could not be had
  refused,      ///< the request itself was at fault (4xx by our own judgement)
  tls,          ///< no request: a client tried TLS on a plain port, and knows what to do then
};
inline constexpr int outcome_count = 9;

std::string_view to_string(Kind kind);
std::string_view to_string(Outcome outcome);

}  // namespace entrepot::metrics
