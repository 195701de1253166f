// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace entrepot::http {

/// Whether `host` is uri-host [":" port] (RFC 9110 §7.2). A reg-name must be the name of a machine,
/// without escapes and sub-delimiters. Pure; any thread.
bool valid_host(std::string_view host);

}  // namespace entrepot::http
