// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/parse/head_scanner.h"

#include <algorithm>

#include "proxy/http/parse/chars.h"
#include "proxy/http/parse/limits.h"

namespace entrepot::http {
namespace {

// A first line that cannot become a request line: a TLS hello, NULs, a method without end.
Refusal check_method_prefix(std::string_view line) {
  const std::size_t space = line.substr(0, limits::method + 1).find(' ');
  const std::string_view word = line.substr(0, std::min(space, limits::method + 1));
  const bool ends_in_cr = space == line.npos && !word.empty() && word.back() == '\r';
  if (!all(ends_in_cr ? word.substr(0, word.size() - 1) : word, is_token))
    return {400, "malformed request line"};
  if (word.size() > limits::method) return {501, "unknown method"};
  return {};
}

}  // namespace

HeadScanner::Result HeadScanner::scan(std::string_view bytes) {
  while (!ended_) {
    const std::size_t cr = bytes.find('\r', looked_at_);
    const std::size_t lf = bytes.substr(0, cr).find('\n', looked_at_);
    if (lf != bytes.npos) return refuse(400, "line ends without CR");
    if (cr == bytes.npos || cr + 1 == bytes.size()) {
      looked_at_ = std::min(cr, bytes.size());
      return partial(bytes.substr(position_));
    }
    if (bytes[cr + 1] != '\n') return refuse(400, "CR within a line");
    if (const Result result = whole(bytes.substr(position_, cr - position_));
        result != Result::more)
      return result;
    if (in_fields_ && line_end_ == 0) {
      line_begin_ = position_;
      line_end_ = cr;
    }
    position_ = looked_at_ = cr + 2;
  }
  return Result::complete;
}

HeadScanner::Result HeadScanner::partial(std::string_view rest) {
  if (!in_fields_) {
    if (const Refusal refusal = check_method_prefix(rest))
      return refuse(refusal.status, refusal.reason);
    if (rest.size() > limits::request_line + 1) return refuse(414, "request line too long");
    return Result::more;
  }
  if (rest.size() > limits::field_line + 1) return refuse(431, "field too long");
  if (position_ - line_begin_ + rest.size() > limits::head) return refuse(431, "head too long");
  return Result::more;
}

HeadScanner::Result HeadScanner::whole(std::string_view line) {
  if (in_fields_) return field(line);
  if (line.empty()) {  // RFC 9112 §2.2: a server tolerates some before a request line
    if (++leading_ > limits::leading_lines) return refuse(400, "empty lines before the request");
    return Result::more;
  }
  if (const Refusal refusal = check_method_prefix(line))
    return refuse(refusal.status, refusal.reason);
  if (line.size() > limits::request_line) return refuse(414, "request line too long");
  in_fields_ = true;
  return Result::more;
}

HeadScanner::Result HeadScanner::field(std::string_view line) {
  if (position_ - line_begin_ + line.size() + 2 > limits::head) return refuse(431, "head too long");
  if (line.empty()) {
    ended_ = true;
    return Result::more;  // scan() steps over the line and ends
  }
  if (line.size() > limits::field_line) return refuse(431, "field too long");
  if (++field_count_ > limits::fields) return refuse(431, "too many fields");
  if (line[0] == ' ' || line[0] == '\t') return refuse(400, "folded field line");
  const std::size_t colon = line.find(':');
  if (colon == line.npos) return refuse(400, "field line without a colon");
  if (colon == 0 || !all(line.substr(0, colon), is_token)) return refuse(400, "bad field name");
  if (!all(line.substr(colon + 1), is_value)) return refuse(400, "control byte in a field value");
  return Result::more;
}

HeadScanner::Result HeadScanner::refuse(int status, const char* reason) {
  refusal_ = {status, reason};
  return Result::refused;
}

}  // namespace entrepot::http
