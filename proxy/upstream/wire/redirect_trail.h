// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "proxy/upstream/wire/url.h"

namespace entrepot::upstream {

/// The current URL of one request, and the rules for the redirects that lead to it: at most
/// `redirects` from the endpoint on, never from https to plain http, to plain http at all only
/// where the endpoint may use it. Pure; one thread.
class RedirectTrail {
 public:
  struct Rules {
    int redirects = 0;        ///< Limits::redirects
    int returns = 0;          ///< Limits::cdn_returns
    bool plain_http = false;  ///< Endpoint::plain_http()
  };

  /// `start`: the first URL, on the origin of `endpoint`. Both outlive this.
  RedirectTrail(const Url& start, const Url& endpoint, const Rules& rules)
      : rules_(rules), start_(start), endpoint_(endpoint), url_(start) {}

  const Url& url() const { return url_; }
  bool at_endpoint() const { return url_.same_origin(endpoint_); }
  bool redirected() const { return redirects_ > 0; }
  /// Moves to `location`, which a response of url() names. Returns why that is forbidden, as one
  /// phrase, and moves nowhere then.
  std::optional<std::string> follow(std::string_view location);
  /// Moves back to the first URL. False when that was done `returns` times.
  bool restart();

 private:
  const Rules rules_;
  const Url& start_;
  const Url& endpoint_;
  Url url_;
  int redirects_ = 0;  ///< since the last restart
  int returns_ = 0;
};

}  // namespace entrepot::upstream
