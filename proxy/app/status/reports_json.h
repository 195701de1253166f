// SPDX-License-Identifier: Apache-2.0
// The measurements of endpoints as JSON: for the admin API and the file of the next process.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "metrics/word_table.h"
#include "proxy/upstream/endpoint/report.h"

namespace entrepot::app {

/// The state of an endpoint: `state` in /api/v1/upstreams.
enum class EndpointState : std::uint8_t {
  working,       ///< as far as anybody knows
  suspect,       ///< it sent wrong bytes lately
  down,          ///< its last request got no response, or its circuit is open
  rate_limited,  ///< nothing is sent to it for a while (429)
  denied,        ///< it refuses all accounts, or everybody
};
/// Pure.
EndpointState state_of(const upstream::EndpointReport& report);

/// The list of the upstreams, in JSON. Pure.
nlohmann::ordered_json reports_as_json(const upstream::Reports& reports);
/// `{"upstreams": […]}` and a line break. Pure.
std::string reports_json(const upstream::Reports& reports);

}  // namespace entrepot::app

namespace entrepot::metrics {

template <>
inline constexpr auto words<app::EndpointState> = make_words<app::EndpointState>({
    {app::EndpointState::working, "working"},
    {app::EndpointState::suspect, "suspect"},
    {app::EndpointState::down, "down"},
    {app::EndpointState::rate_limited, "rate-limited"},
    {app::EndpointState::denied, "denied"},
});

}  // namespace entrepot::metrics
