// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace entrepot::http {

/// The reason of a refusal of what is no request, but a client that tries TLS first: podman,
/// skopeo, crane and others do so with each pull. Its text is plain HTTP all the same: clients that
/// fall back on their own tell by "HTTP/" where a TLS record should be.
inline constexpr char tls_on_plain_port[] = "TLS on a port that speaks plain HTTP";

/// Why a request was turned away before it became an exchange.
struct Refusal {
  int status = 0;           ///< 0: not refused
  const char* reason = "";  ///< static
  /// False when the request was framed soundly and only its content is at fault: where the next
  /// one begins is certain, so the connection may go on.
  bool close = true;

  explicit operator bool() const { return status != 0; }
};

}  // namespace entrepot::http
