// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace entrepot::http::tls {

/// The states of a TlsSocket.
///
///   state     | the socket                                           | next states
///   handshake | agrees on keys with the client; queues output        | open, plain, stopped
///   open      | moves encrypted bytes                                | stopped
///   plain     | refuses, in the clear, a client that speaks no TLS   | stopped
///   stopped   | makes no calls any more                              | none
enum class TlsState : std::uint8_t { handshake, open, plain, stopped };

constexpr std::string_view to_string(TlsState state) {
  constexpr std::array<std::string_view, 4> names{"handshake", "open", "plain", "stopped"};
  return names[static_cast<std::size_t>(state)];
}

/// True for the transitions of the table. Pure.
constexpr bool may_follow(TlsState from, TlsState to) {
  if (to == TlsState::stopped) return from != TlsState::stopped;
  return from == TlsState::handshake && to != TlsState::handshake;
}

constexpr std::string_view machine_of(TlsState) { return "a TLS socket"; }

}  // namespace entrepot::http::tls
