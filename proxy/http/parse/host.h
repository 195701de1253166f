// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace entrepot::http {

/// uri-host [":" port] (RFC 9110 §7.2). Of reg-name only what names a machine: no escapes, no
/// sub-delimiters. Pure; any thread.
bool valid_host(std::string_view host);

}  // namespace entrepot::http
