// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace entrepot::upstream {

/// State of an EndpointRequest:
///
///   created → logging_in → awaiting_head ─→ delivering
///               ↑  ↑ │           ↑   │
///               │  └─┘           │   └─→ reading_refusal (any response but 2xx)
///               │                │           │  │
///               │                └ redirect ─┘  │
///               └──── other login or account ───┘
///
/// Every phase moves to `ended`.
enum class RequestPhase : std::uint8_t {
  created,          ///< start() has not been called
  logging_in,       ///< Login decides what to send
  awaiting_head,    ///< sent, or queued to be sent
  reading_refusal,  ///< the response is no 2xx: its body and what to do next
  delivering,       ///< a 2xx: its sink has the head
  ended,            ///< the sink has the result
};

/// True when the diagram has an arrow `from` → `to`. Pure; any thread.
constexpr bool may_follow(RequestPhase from, RequestPhase to) {
  using enum RequestPhase;
  switch (to) {
    case created:
      return false;
    case logging_in:
      return from == created || from == logging_in || from == reading_refusal;
    case awaiting_head:
      return from == logging_in || from == reading_refusal;
    case reading_refusal:
    case delivering:
      return from == awaiting_head;
    case ended:
      return from != ended;
  }
  return false;
}

constexpr std::string_view to_string(RequestPhase phase) {
  using enum RequestPhase;
  switch (phase) {
    case created:
      return "created";
    case logging_in:
      return "logging in";
    case awaiting_head:
      return "awaiting head";
    case reading_refusal:
      return "reading refusal";
    case delivering:
      return "delivering";
    case ended:
      return "ended";
  }
  return "unknown";
}

constexpr std::string_view machine_of(RequestPhase) { return "a request to an endpoint"; }

}  // namespace entrepot::upstream
