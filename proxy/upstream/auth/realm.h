// SPDX-License-Identifier: Apache-2.0
// Which token servers may see a request, and the credentials of an upstream (CVE-2026-33540: a
// mirror that sends them to any realm in a challenge). Pure; any thread.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "proxy/upstream/wire/url.h"

namespace entrepot::upstream {

/// The part of a host name that one owner registers: its last two labels, or three where the last
/// two are a suffix under which many register ("co.uk", "amazonaws.com"; the list is in realm.cc
/// and errs on the side of refusing). An IP address and a single label are their own domain.
std::string_view registrable_domain(std::string_view host);

/// The exceptions that an upstream's configuration allows.
struct RealmRules {
  /// Any host, and plain http: nothing secret is sent to it.
  bool any_host = false;
  /// Hosts that are trusted by name (Url::host()).
  std::span<const std::string> hosts = {};
};

/// The reason not to request a token of `endpoint` from `realm`, and the advice for a realm that is
/// right all the same; nullopt when it may be used. It may when it is https (http only if the
/// endpoint is http itself) and on the endpoint's host, on the same registrable domain, on a pair
/// of domains known to share an owner, or named by `rules`. Its addresses are checked when
/// connecting (address.h).
std::optional<std::string> realm_refusal(const Url& realm, const Url& endpoint,
                                         const RealmRules& rules);

}  // namespace entrepot::upstream
