// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace entrepot::http {

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
