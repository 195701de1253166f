// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "proxy/upstream/transfer/transfer.h"
#include "proxy/upstream/wire/response_head.h"

namespace entrepot::upstream {

/// Longest reason that is passed on, in bytes.
inline constexpr std::size_t max_reason = 512;

/// The `errors[].message` of a registry's error document (distribution-spec, "Error Codes"), joined
/// by "; ", as printable ASCII (anything else is '?') and cut at max_reason. Empty where `body` is
/// no such document or says nothing. Pure; any thread.
std::string parse_refusal(std::string_view body);

/// Reads the reason of a registry for a refusal, from a response that may have one: a 4xx other
/// than 401 and 416 whose body of 16 KiB at most is JSON. Used for one answer after the other. Loop
/// thread only.
class RefusalReason {
 public:
  /// Decides about the body of this response, which is no 2xx. Forgets the response before.
  Disposition begin(const ResponseHead& head);
  /// Appends a piece of the body. False: the document is too long, and its text is empty.
  bool add(std::span<const std::byte> data);
  /// After the end of the response: see parse_refusal().
  std::string text() const { return parse_refusal(body_); }

 private:
  std::string body_;
};

}  // namespace entrepot::upstream
