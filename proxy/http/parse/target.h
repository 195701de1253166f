// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace entrepot::http {

/// Returns the fault of a request target, or nullptr. Accepts origin-form (RFC 9112 §3.2.1) of
/// printable ASCII without a fragment. A target that would have to be normalised is refused, so
/// that no two programs can read it differently. Pure; any thread.
const char* check_target(std::string_view target);

/// Appends `path` (a target up to its '?'), percent-decoded once, to `out`. Returns its fault, or
/// nullptr. Faults: a bad escape, an encoded slash, NUL or control byte, a "." or ".." segment.
/// Pure; any thread.
const char* decode_path(std::string_view path, std::string& out);

}  // namespace entrepot::http
