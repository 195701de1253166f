// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "proxy/http/parse/field_rules.h"
#include "proxy/http/parse/refusal.h"

namespace entrepot::http {

/// Reads and discards the body of a request to find the next request. Strict (RFC 9112 §7.1): a
/// chunk size has hexadecimal digits only, every line ends in CRLF, and trailers are well-formed
/// field lines, which are discarded, too. Takes at most limits::drained bytes. One thread.
class BodySkipper {
 public:
  enum class Result { more, complete, refused };

  void begin(const Framing& framing);
  /// Sets `consumed` to the number of `bytes` that belong to the body.
  Result feed(std::string_view bytes, std::size_t& consumed);
  /// After `refused`: 400, or 413 over the limit.
  const Refusal& refusal() const { return refusal_; }

 private:
  enum class State : std::uint8_t {
    data_only,   // Content-Length
    size_first,  // first digit of a chunk size
    size,        // further digits
    extension,   // ";" to CR
    size_lf,
    data,
    data_cr,
    data_lf,
    trailer,  // first byte of a trailer line, or the CR that ends the body
    name,
    value,
    value_lf,
    end_lf,
    complete,
  };

  bool step(char c);
  bool size_digit(char c);

  State state_ = State::complete;
  std::uint64_t left_ = 0;   // bytes of the body, or of the chunk
  std::uint64_t taken_ = 0;  // bytes of the body, framing included
  Refusal refusal_;
};

}  // namespace entrepot::http
