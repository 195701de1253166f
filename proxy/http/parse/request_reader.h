// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "proxy/http/parse/body_skipper.h"
#include "proxy/http/parse/request.h"
#include "proxy/http/parse/request_parser.h"

struct evbuffer;

namespace entrepot::http {

/// Reads the requests of one connection from its input buffer: parses the heads and skips the
/// bodies. Keeps the deadline of both, which the connection checks. Loop thread of the connection.
class RequestReader {
 public:
  using Clock = std::chrono::steady_clock;

  struct Timeouts {
    /// From the first byte of a request, or for the first request from the accept, to the end of
    /// the head; once more for a body that is skipped.
    std::chrono::milliseconds head;
    /// From the end of a reply to the next request.
    std::chrono::milliseconds idle;
  };

  enum class Result : std::uint8_t {
    empty,     ///< the input is used up; the request is not complete
    more,      ///< progress; call again
    body,      ///< the head is complete; call read_body() next
    complete,  ///< the request is complete
    refused,   ///< see refusal()
  };

  /// `input` outlives this.
  RequestReader(evbuffer* input, const Timeouts& timeouts, Clock::time_point accepted)
      : input_(input), timeouts_(timeouts), deadline_(accepted + timeouts.head) {}
  RequestReader(const RequestReader&) = delete;
  RequestReader& operator=(const RequestReader&) = delete;

  /// The contiguous bytes at the front of the input. Valid until the next call.
  std::string_view input() const;
  /// True if the input holds bytes.
  bool has_input() const;
  /// Drops the input. Returns how many bytes discard_input() has dropped in all.
  std::size_t discard_input();

  /// Begins a request, whose first byte arrived at `now`. `request` does not move and outlives the
  /// reading.
  void begin(Request& request, Clock::time_point now) {
    parser_.begin(request);
    if (!first_request_) deadline_ = now + timeouts_.head;
  }
  /// Reads `bytes`, the result of input(), up to the end of the head. Call decide_body() after
  /// `complete`.
  Result read_head(std::string_view bytes);
  /// Decides how a request with this method continues after its head: complete, body or refused.
  /// Skips the bytes that have arrived of a body which the handler will refuse unread.
  Result decide_body(Method method) {
    if (parser_.framing().kind == Framing::Kind::none) return Result::complete;
    return begin_body(method);
  }
  /// Skips the body of a request.
  Result read_body();
  /// Refuses the request for a reason outside of its bytes, such as a bound.
  Result refuse(const Refusal& refusal);
  /// The request is complete: the handler has it, or it was refused and another one may follow.
  void end_request() { first_request_ = false; }
  /// Sets the deadline of the next request, which is waited for from `now` on.
  void wait(Clock::time_point now) { deadline_ = now + timeouts_.idle; }

  /// After `refused`.
  const Refusal& refusal() const { return refusal_; }
  /// Whether the client wants to keep the connection. After a complete head.
  bool keep_alive() const { return parser_.keep_alive(); }
  /// Whether the beginning of the next request is known although the present one is refused.
  bool can_continue() const {
    return parser_.framing().kind == Framing::Kind::none && keep_alive();
  }
  /// True if a part of the last body was not read, so that the next bytes are no request.
  bool has_unread_body() const { return unread_body_; }
  /// True until the first request is complete.
  bool is_first_request() const { return first_request_; }

  /// The client has sent FIN: no bytes follow those in the input.
  void end_input() { input_ended_ = true; }
  bool input_ended() const { return input_ended_; }

  /// Whether the deadline has passed at `now`.
  bool overdue(Clock::time_point now) const { return now >= deadline_; }
  /// Moves the deadline to `deadline` if that is earlier.
  void shorten_deadline(Clock::time_point deadline) { deadline_ = std::min(deadline_, deadline); }

 private:
  Result begin_body(Method method);
  Result skip_available_body();
  void consume(std::size_t n);

  // Constant after construction.
  evbuffer* const input_;
  const Timeouts timeouts_;

  RequestParser parser_;
  BodySkipper skipper_;
  Refusal refusal_;
  Clock::time_point deadline_;  // of the next head, of the present head, or of its body
  std::size_t discarded_ = 0;
  bool first_request_ = true;
  bool unread_body_ = false;
  bool input_ended_ = false;
};

}  // namespace entrepot::http
