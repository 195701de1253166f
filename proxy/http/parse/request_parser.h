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

/// Turns the bytes of one request's head into a Request. Two readers must agree on it: HeadScanner
/// guards the lines as they arrive, llhttp parses the whole head once its end is there, and the
/// rules on target and fields judge the outcome. One thread; reused for each request of a
/// connection.
class RequestParser {
 public:
  enum class Result { more, complete, refused };

  RequestParser();
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;

  /// Begins a request that is to be stored in `request`, which stays where it is and outlives the
  /// parsing.
  void begin(Request& request);
  /// Takes bytes up to the end of the head, at most, and says in `consumed` how many it took.
  Result feed(std::string_view bytes, std::size_t& consumed);
  /// True once a byte of this request has been taken.
  bool begun() const { return begun_; }

  // After `complete`, or a refusal with `close` unset.
  const Framing& framing() const { return framing_; }
  /// Whether the client wants the connection kept (RFC 9112 §9.3).
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
