// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/parse/request_reader.h"

#include <event2/buffer.h>

#include "proxy/http/parse/limits.h"

namespace entrepot::http {
namespace {

bool is_write(Method method) {
  return method == Method::post || method == Method::put || method == Method::patch ||
         method == Method::del;
}

}  // namespace

std::string_view RequestReader::input() const {
  const std::size_t n = evbuffer_get_contiguous_space(input_);
  if (n == 0) return {};
  return {reinterpret_cast<const char*>(evbuffer_pullup(input_, static_cast<ev_ssize_t>(n))), n};
}

bool RequestReader::has_input() const { return evbuffer_get_length(input_) > 0; }

void RequestReader::consume(std::size_t n) { evbuffer_drain(input_, n); }

std::size_t RequestReader::discard_input() {
  const std::size_t n = evbuffer_get_length(input_);
  consume(n);
  return discarded_ += n;
}

RequestReader::Result RequestReader::refuse(const Refusal& refusal) {
  refusal_ = refusal;
  return Result::refused;
}

RequestReader::Result RequestReader::read_head(std::string_view bytes) {
  std::size_t consumed = 0;
  const RequestParser::Result result = parser_.feed(bytes, consumed);
  consume(consumed);
  if (result == RequestParser::Result::complete) return Result::complete;
  if (result == RequestParser::Result::more) return Result::more;
  return refuse(parser_.refusal());
}

RequestReader::Result RequestReader::begin_body(Method method) {
  const Framing& framing = parser_.framing();
  skipper_.begin(framing);
  // A client that waits for 100 (Continue) gets its reply instead.
  if (framing.expects_continue) {
    unread_body_ = true;
    return Result::complete;
  }
  // The handler refuses writes; do not delay its answer until the body has arrived.
  if (is_write(method)) return skip_available_body();
  if (framing.length > limits::drained) return refuse({413, "content too large"});
  deadline_ = Clock::now() + timeouts_.head;
  return Result::body;
}

RequestReader::Result RequestReader::skip_available_body() {
  for (;;) {
    const Result result = read_body();
    if (result == Result::more) continue;
    if (result == Result::complete) return result;
    // A malformed body gets this refusal; a long one gets that of the handler.
    if (result == Result::refused && refusal_.status == 400) return result;
    unread_body_ = true;
    return Result::complete;
  }
}

RequestReader::Result RequestReader::read_body() {
  const std::string_view bytes = input();
  if (bytes.empty()) return Result::empty;
  std::size_t consumed = 0;
  const BodySkipper::Result result = skipper_.feed(bytes, consumed);
  consume(consumed);
  if (result == BodySkipper::Result::complete) return Result::complete;
  if (result == BodySkipper::Result::more) return Result::more;
  return refuse(skipper_.refusal());
}

}  // namespace entrepot::http
