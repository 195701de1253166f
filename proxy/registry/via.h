// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "proxy/http/request.h"
#include "proxy/registry/request_fields.h"

namespace entrepot::registry {

/// More mirrors than this in a row are taken for a circle of ones that do not see it themselves.
inline constexpr int most_mirrors = 16;
/// And a longer Via than this, in bytes.
inline constexpr std::size_t longest_via = 2048;

/// The Via of a request as one list (RFC 9110 §7.6.3, §5.3); empty without one. Pure.
std::string via_of(const http::Request& request, const RequestFields& fields);

/// True when a request with this Via has come through `self` (a received-by) before, or through
/// more than most_mirrors others, or is longer than longest_via. Pure.
bool comes_back(std::string_view via, std::string_view self);

/// What of this Via goes along with our own questions: its well-formed entries, without comments.
/// Pure.
std::string passed_on(std::string_view via);

}  // namespace entrepot::registry
