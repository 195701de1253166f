// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "proxy/http/parse/request.h"
#include "proxy/registry/request/request_fields.h"

namespace entrepot::registry {

/// Maximum number of mirrors in a row. A longer chain is treated as a loop of mirrors that do not
/// detect it.
inline constexpr int max_mirrors = 16;
/// The beginning of the name of each Entrepot process in Via fields.
inline constexpr std::string_view mirror_prefix = "entrepot-";
/// Maximum length of a Via value in bytes.
inline constexpr std::size_t max_via_size = 2048;

/// Joins the Via fields of a request into one list (RFC 9110 §7.6.3, §5.3); empty without one.
/// Pure.
std::string via_of(const http::Request& request, const RequestFields& fields);

/// True if a request with this Via has passed through `self` (a received-by) before, has passed
/// through more than max_mirrors others, or if the value is longer than max_via_size. Pure.
bool is_loop(std::string_view via, std::string_view self);

/// True if the request has passed through an Entrepot. Pure.
bool has_passed_mirror(std::string_view via);

/// The part of this Via that is forwarded to the upstream: its well-formed entries, without
/// comments. Pure.
std::string forwarded_via(std::string_view via);

}  // namespace entrepot::registry
