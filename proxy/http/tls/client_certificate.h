// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proxy/http/tls/openssl.h"

namespace entrepot::http::tls {

/// The names of a client certificate that has been verified: of its subject "CN=…", "O=…" and
/// "OU=…", and of its subjectAltName "DNS=…" (in lower case), "URI=…" and "EMAIL=…". Names with
/// control characters, NUL among them, and those above 255 bytes are left out; at most 64. The last
/// one is "SERIAL=…" in hexadecimal digits, so that a certificate without any name is one too.
std::vector<std::string> names_of(const X509& certificate);

/// The log's words for the result of a verification (X509_V_ERR_…).
std::string_view fault_of_verification(long result);

}  // namespace entrepot::http::tls
