// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "metrics/word_table.h"
#include "proxy/app/engines/check/route.h"

namespace entrepot::app {

/// The result of a first request to the mirror on the way of an engine.
enum class ProbeOutcome : std::uint8_t {
  reached,
  not_trusted,     ///< the certificate of the mirror
  refused,         ///< the login, the client certificate, or their absence
  unreachable,     ///< no connection, or no HTTP
  other_answer,    ///< it does not answer as a registry does
  not_configured,  ///< the files of the engine do not name the mirror
  unreadable,      ///< a file cannot be read or parsed
};

struct Probe {
  ProbeOutcome outcome = ProbeOutcome::unreachable;
  std::string detail;  ///< what was asked, or why it failed
};

/// Sends one request as the engine would, and a second one with the login after a challenge. Waits
/// 5 s for a connection and 10 s for an answer. Uses no proxy. Throws std::runtime_error if libcurl
/// cannot be used.
Probe probe(const Route& route);

}  // namespace entrepot::app

namespace entrepot::metrics {

template <>
inline constexpr auto words<app::ProbeOutcome> = make_words<app::ProbeOutcome>({
    {app::ProbeOutcome::reached, "reached"},
    {app::ProbeOutcome::not_trusted, "certificate not trusted"},
    {app::ProbeOutcome::refused, "login refused"},
    {app::ProbeOutcome::unreachable, "not reached"},
    {app::ProbeOutcome::other_answer, "no registry"},
    {app::ProbeOutcome::not_configured, "not configured"},
    {app::ProbeOutcome::unreadable, "not readable"},
});

}  // namespace entrepot::metrics
