// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <string>
#include <variant>

#include "metrics/reasons.h"
#include "proxy/app/command/listener_rules.h"

namespace entrepot::app {

/// The keys that an issuer publishes.
struct PublishedKeys {
  std::string text;       ///< a JWK Set that access::KeySet::parse() accepts
  std::size_t count = 0;  ///< of the keys that can verify a token
};

struct KeyFetchFailure {
  metrics::KeyFetch reason;
  std::string text;  ///< for the log: the URL, and what is wrong
};

/// Fetches the metadata of the issuer and then its keys, by HTTPS with verified certificates,
/// without redirects, proxies and cookies, in 10 s each. Sends the token of `source` to both. Ends
/// soon after `stop` has become true. Blocking; any thread.
std::variant<PublishedKeys, KeyFetchFailure> fetch_keys(const KeySource& source,
                                                        const std::atomic<bool>& stop);

}  // namespace entrepot::app
