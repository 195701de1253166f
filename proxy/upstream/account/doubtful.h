// SPDX-License-Identifier: Apache-2.0
// Refusals that say nothing about the requested object. Each function marks one as doubtful, so
// that stored data stays valid, and adds the cause and the remedy to its message. Pure; any
// thread.
#pragma once

#include <string>

#include "cache/base/failure.h"

namespace entrepot::upstream {

/// The request had no account, because the endpoint refuses the configured one: a registry may hide
/// by 404 what only the account may read.
void doubt_without_account(cache::Failure& failure);

/// The endpoint's /v2/ fails as well, and names no login: the account cannot be tried, or gets what
/// the anonymous user gets.
void doubt_of_everybody(cache::Failure& failure);

/// The endpoint does not have it for the anonymous user, and its /v2/ fails, which may name a
/// login: a registry may hide by 404 what only the account may read. It stays a 404 for the client,
/// for whom it is more often true than not.
void doubt_of_missing(cache::Failure& failure);

/// Nothing shows whether the account is refused or the repository.
void doubt_of_account(cache::Failure& failure);

/// The failure of a 403 or 404 with an HTML page: a proxy, a firewall or a web site has answered. A
/// 404 stays one for the client, because static web sites can be registries. `what`: the request.
cache::Failure page_failure(const std::string& what, int status);

}  // namespace entrepot::upstream
