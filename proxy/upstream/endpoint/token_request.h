// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <variant>

#include "proxy/upstream/auth/auth_scheme.h"
#include "proxy/upstream/auth/tokens.h"
#include "proxy/upstream/endpoint/endpoint_address.h"

namespace entrepot::upstream {

/// The purpose of a token.
struct TokenNeed {
  const Url& asker;      ///< of the challenge that named the token server
  bool with_credential;  ///< the token server gets the password
  std::string scope;     ///< unless the challenge named one; empty: none
};

/// The request for a token of `scheme`, a Bearer scheme, at an endpoint. Otherwise the reason that
/// its token server gets no request, which continues "<what>: ". Pure; any thread.
std::variant<TokenKey, std::string> token_request(const EndpointAddress& endpoint,
                                                  const AuthScheme& scheme, const TokenNeed& need);

}  // namespace entrepot::upstream
