// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <llhttp.h>

#include <cstddef>
#include <string_view>

#include "proxy/http/parse/field_rules.h"
#include "proxy/http/parse/head_scanner.h"
#include "proxy/http/parse/refusal.h"
#include "proxy/http/parse/request.h"

namespace entrepot::http {

/// Parses the head of a request into a Request. HeadScanner checks the lines as they arrive, llhttp
/// parses the whole head when its end has arrived, and both must agree. The rules of target.h and
/// field_rules.h check the result. One thread; reused for each request of a connection.
class RequestParser {
 public:
  enum class Result { more, complete, refused };

  RequestParser();
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;

  /// Begins to parse into `request`, which does not move and outlives the parsing.
  void begin(Request& request);
  /// Takes bytes, at most up to the end of the head, and sets `consumed` to their number.
  Result feed(std::string_view bytes, std::size_t& consumed);
  /// True once a byte of this request has been taken.
  bool begun() const { return begun_; }

  // After `complete`, or a refusal with `close` unset.
  const Framing& framing() const { return framing_; }
  /// Whether the client wants to keep the connection (RFC 9112 §9.3).
  bool keep_alive() const { return keep_alive_; }

  /// After `refused`.
  const Refusal& refusal() const { return refusal_; }

 private:
  Result finish();
  bool line_makes_no_sense();
  std::string_view request_line() const;
  bool run_llhttp(std::string_view line, std::string_view fields);
  Refusal split_target();
  static int on_name(llhttp_t*, const char*, std::size_t);
  static int on_value(llhttp_t*, const char*, std::size_t);
  static int on_head_end(llhttp_t*);
  static const llhttp_settings_t& settings();

  Request* request_ = nullptr;
  HeadScanner scanner_;
  llhttp_t llhttp_;
  Framing framing_;
  Refusal refusal_;
  bool begun_ = false;
  bool line_checked_ = false;
  bool keep_alive_ = false;
  bool head_ended_ = false;
};

}  // namespace entrepot::http
