// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace entrepot::http {

/// The states of a client connection.
///
///   state   | the connection                                   | next states
///   arrived | waits for a place of the server; reads nothing   | head, linger, closed
///   head    | waits for a request or reads its head            | body, reply, linger, closed
///   body    | skips the body of a request                      | reply, linger, closed
///   reply   | the handler has the request, or the reply leaves | head, closed
///   linger  | sends the rest and FIN; waits for the client's   | closed
///   closed  | is destroyed in a later turn of the loop         | none
enum class ConnectionState : std::uint8_t { arrived, head, body, reply, linger, closed };

constexpr std::string_view to_string(ConnectionState state) {
  constexpr std::array<std::string_view, 6> names{"arrived", "head",   "body",
                                                  "reply",   "linger", "closed"};
  return names[static_cast<std::size_t>(state)];
}

/// True for the transitions of the table. Pure.
constexpr bool may_follow(ConnectionState from, ConnectionState to) {
  constexpr auto bit = [](ConnectionState state) { return 1U << static_cast<unsigned>(state); };
  using enum ConnectionState;
  constexpr std::array<unsigned, 6> next{
      bit(head) | bit(linger) | bit(closed),               // arrived
      bit(body) | bit(reply) | bit(linger) | bit(closed),  // head
      bit(reply) | bit(linger) | bit(closed),              // body
      bit(head) | bit(closed),                             // reply
      bit(closed),                                         // linger
      0,                                                   // closed
  };
  return (next[static_cast<std::size_t>(from)] & bit(to)) != 0;
}

constexpr std::string_view machine_of(ConnectionState) { return "a client connection"; }

}  // namespace entrepot::http
