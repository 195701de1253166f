// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "proxy/upstream/endpoint/breaker.h"
#include "proxy/upstream/endpoint/endpoint_address.h"
#include "proxy/upstream/endpoint/trouble.h"

namespace entrepot::upstream {

/// The trouble of one endpoint, with its lines in the log. Loop thread only.
class TroubleLog {
 public:
  /// Both outlive this.
  TroubleLog(const EndpointAddress& address, const Breaker& breaker)
      : address_(address), breaker_(breaker) {}

  /// A request, or a probe, has failed. `why`: one phrase. `certain`: see Trouble::failed().
  void failed(metrics::EndpointFailure reason, std::string_view why, bool certain = false);
  /// A request succeeded, or its object does not exist or may not be read.
  void worked();
  /// The circuit closes, which has a line of its own.
  void answered() { static_cast<void>(trouble_.succeeded()); }

  const std::optional<Trouble::Last>& last() const { return trouble_.last(); }
  /// Requests fail, and the log says so.
  bool lasting() const { return trouble_.logged(); }

 private:
  const EndpointAddress& address_;
  const Breaker& breaker_;
  Trouble trouble_;
};

}  // namespace entrepot::upstream
