// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/parse/body_skipper.h"

#include <algorithm>

#include "proxy/base/text.h"
#include "proxy/http/parse/chars.h"
#include "proxy/http/parse/limits.h"

namespace entrepot::http {
namespace {

// A chunk size to which another digit can still be added without an overflow.
constexpr std::uint64_t chunk_size_limit = std::uint64_t{1} << 56;

}  // namespace

void BodySkipper::begin(const Framing& framing) {
  taken_ = 0;
  left_ = framing.length;
  refusal_ = {};
  switch (framing.kind) {
    case Framing::Kind::none:
      state_ = State::complete;
      break;
    case Framing::Kind::length:
      state_ = State::data_only;
      break;
    case Framing::Kind::chunked:
      state_ = State::size_first;
      break;
  }
}

BodySkipper::Result BodySkipper::feed(std::string_view bytes, std::size_t& consumed) {
  std::size_t at = 0;
  while (state_ != State::complete && at < bytes.size() && !refusal_) {
    if (state_ == State::data_only || state_ == State::data) {
      const auto n = std::min<std::uint64_t>(left_, bytes.size() - at);
      at += static_cast<std::size_t>(n);
      left_ -= n;
      if (left_ == 0) state_ = state_ == State::data ? State::data_cr : State::complete;
    } else if (!step(bytes[at++]) && !refusal_) {
      refusal_ = {400, "malformed chunked body"};
    }
    if (taken_ + at > limits::drained && !refusal_) refusal_ = {413, "content too large"};
  }
  taken_ += at;
  consumed = at;
  if (refusal_) return Result::refused;
  return state_ == State::complete ? Result::complete : Result::more;
}

bool BodySkipper::size_digit(char c) {
  const int digit = hex_value(c);
  if (digit < 0 || left_ >= chunk_size_limit) return false;
  left_ = left_ * 16 + static_cast<std::uint64_t>(digit);
  state_ = State::size;
  return true;
}

// Takes one byte of framing; false if it is not allowed there.
bool BodySkipper::step(char c) {
  const auto go = [this](State next) {
    state_ = next;
    return true;
  };
  switch (state_) {
    case State::size_first:
      left_ = 0;
      return size_digit(c);
    case State::size:
      if (c == ';') return go(State::extension);
      return c == '\r' ? go(State::size_lf) : size_digit(c);
    case State::extension:
      return c == '\r' ? go(State::size_lf) : is(c, is_value);
    case State::size_lf:
      return c == '\n' && go(left_ > 0 ? State::data : State::trailer);
    case State::data_cr:
      return c == '\r' && go(State::data_lf);
    case State::data_lf:
      return c == '\n' && go(State::size_first);
    case State::trailer:
      return c == '\r' ? go(State::end_lf) : is(c, is_token) && go(State::name);
    case State::name:
      return c == ':' ? go(State::value) : is(c, is_token);
    case State::value:
      return c == '\r' ? go(State::value_lf) : is(c, is_value);
    case State::value_lf:
      return c == '\n' && go(State::trailer);
    case State::end_lf:
      return c == '\n' && go(State::complete);
    default:
      return false;
  }
}

}  // namespace entrepot::http
