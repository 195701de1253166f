// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace entrepot::http {

/// What is wrong with a request target, or nullptr: only origin-form (RFC 9112 §3.2.1) of
/// printable ASCII without a fragment is taken. Nothing is normalised: a target that would need it
/// is refused, so that no two parties can read one target differently.
const char* check_target(std::string_view target);

/// Appends `path` (a target up to its '?'), percent-decoded once, to `out`. Returns what is wrong
/// with it, or nullptr: a bad escape, an encoded slash, NUL or control byte, a "." or ".." segment.
const char* decode_path(std::string_view path, std::string& out);

}  // namespace entrepot::http
