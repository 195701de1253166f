// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

#include "proxy/http/parse/refusal.h"

namespace entrepot::http {

/// Finds the end of a request's head and refuses what has no place in one, while it arrives: lines
/// that do not end in CRLF, a first word that is no method, field lines without a name, folded
/// lines, control bytes, and anything over the budget of limits.h. It stands before llhttp, which
/// lets several of these pass (bare LF in its default build, for one), and it answers as soon as
/// the offending byte is there rather than when the head ends, which may be never.
class HeadScanner {
 public:
  enum class Result { more, complete, refused };

  /// `bytes`: all received of this request so far; each call passes what the last one did, or more.
  Result scan(std::string_view bytes);

  // After `complete`: offsets into those bytes.
  std::size_t line_begin() const { return line_begin_; }  ///< of the request line
  std::size_t line_end() const { return line_end_; }      ///< of its CR
  std::size_t end() const { return position_; }           ///< one past the head
  std::size_t field_count() const { return field_count_; }
  const Refusal& refusal() const { return refusal_; }

 private:
  Result partial(std::string_view rest);
  Result whole(std::string_view line);
  Result field(std::string_view line);
  Result refuse(int status, const char* reason);

  std::size_t position_ = 0;   // of the line being read
  std::size_t looked_at_ = 0;  // bytes before this hold no CR and no LF of that line
  std::size_t line_begin_ = 0;
  std::size_t line_end_ = 0;
  std::size_t leading_ = 0;
  std::size_t field_count_ = 0;
  bool in_fields_ = false;
  bool ended_ = false;
  Refusal refusal_;
};

}  // namespace entrepot::http
