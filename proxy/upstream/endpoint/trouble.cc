// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/endpoint/trouble.h"

#include <algorithm>
#include <utility>

#include "metrics/word_table.h"

namespace entrepot::upstream {
namespace {

/// Equal for two failures of the same reason: times and the like differ each time.
std::string without_numbers(metrics::EndpointFailure reason, std::string_view text) {
  std::string key(metrics::to_string(reason));
  key += ' ';
  for (const char c : text)
    if (c < '0' || c > '9') key += c;
  return key;
}

}  // namespace

std::string_view remedy_of(metrics::EndpointFailure reason) {
  using enum metrics::EndpointFailure;
  switch (reason) {
    case connect:
    case timeout:
    case stall:
    case reset:
      return "check the network, or add another endpoint";
    case dns:
      return "check the name service of this machine (/etc/resolv.conf) and the endpoint's url";
    case tls:
      return "check its certificate, the upstream's ca_file and the clock of this machine";
    case server_error:
      return "ask its operator, or add another endpoint";
    case bad_upstream:
    case redirect:
      return "open the endpoint's url from this machine, and look at what stands between";
    case digest:
      return "suspect a proxy or cache in between, or remove the endpoint";
    case proxy:
      return "check the upstream's proxy";
    case token:
      return "check its token server";
    case rate_limited:
      return "add an account or another endpoint";
    case not_found:
    case denied:
    case other:
      break;
  }
  return {};
}

Trouble::Line Trouble::failed(metrics::EndpointFailure reason, std::string_view text, bool certain,
                              Time now) {
  const std::string key = without_numbers(reason, text);
  const bool same = present() && last_ && without_numbers(last_->reason, last_->text) == key;
  last_ = Last{
      .reason = reason, .text = std::string(text), .since = same ? last_->since : now, .at = now};
  if (state_.is(TroubleState::none)) {
    state_.enter(TroubleState::counted);
    in_a_row_ = 0;
  }
  ++in_a_row_;
  if (state_.is(TroubleState::counted)) {
    if (!certain && in_a_row_ < failures_before_line) return Line::none;
    if (!take_line(now)) return Line::none;
    state_.enter(TroubleState::logged);
    logged_ = key;
    return Line::begun;
  }
  if (logged_ == key || !take_line(now)) return Line::none;
  logged_ = key;
  return Line::changed;
}

bool Trouble::take_line(Time now) {
  const auto earned = (now - lines_at_) / line_again;
  if (earned > 0) {
    lines_ = static_cast<int>(std::min<std::int64_t>(lines_ + earned, most_lines));
    lines_at_ = now;
  }
  if (lines_ == 0) return false;
  --lines_;
  return true;
}

bool Trouble::succeeded() {
  if (state_.is(TroubleState::none)) return false;
  const bool logged = state_.is(TroubleState::logged);
  state_.enter(TroubleState::none);
  if (last_) last_->over = true;
  return logged;
}

}  // namespace entrepot::upstream
