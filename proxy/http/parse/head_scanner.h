// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

#include "proxy/http/parse/refusal.h"

namespace entrepot::http {

/// Finds the end of a request's head while it arrives, and refuses a malformed head: lines that do
/// not end in CRLF, a first word that is no method, field lines without a name, folded lines,
/// control bytes, and sizes over those of limits.h. It runs before llhttp, which accepts several of
/// these (bare LF in its default build, for example), and refuses at the offending byte, because
/// the end of the head may never arrive. One thread.
class HeadScanner {
 public:
  enum class Result { more, complete, refused };

  /// `bytes`: all received bytes of this request. Each call passes those of the last one, or more.
  Result scan(std::string_view bytes);

  // After `complete`: offsets into `bytes`.
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

  std::size_t position_ = 0;   // beginning of the present line
  std::size_t looked_at_ = 0;  // the present line has no CR and no LF before this
  std::size_t line_begin_ = 0;
  std::size_t line_end_ = 0;
  std::size_t leading_ = 0;
  std::size_t field_count_ = 0;
  bool in_fields_ = false;
  bool ended_ = false;
  Refusal refusal_;
};

}  // namespace entrepot::http
