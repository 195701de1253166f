// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace entrepot::http {

/// The reason of the refusal of a TLS hello: podman, skopeo, crane and others try TLS first with
/// each pull. The answer is plain HTTP, because such clients fall back when they read "HTTP/" where
/// a TLS record should be.
inline constexpr char tls_on_plain_port[] = "TLS on a port that speaks plain HTTP";

/// The reason of the refusal of a plain request on a port for TLS. The answer is plain HTTP,
/// because the client could not read another one.
inline constexpr char plain_on_tls_port[] = "this port speaks HTTPS";

/// The status and the reason of a request that was refused before its handler got it.
struct Refusal {
  int status = 0;           ///< 0: not refused
  const char* reason = "";  ///< static
  /// False if the framing of the request is valid and only its content is wrong: the beginning of
  /// the next request is certain, so the connection can be kept.
  bool close = true;

  explicit operator bool() const { return status != 0; }
};

}  // namespace entrepot::http
