// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/parse/request_parser.h"

#include <algorithm>
#include <utility>

#include "proxy/base/text.h"
#include "proxy/http/parse/chars.h"
#include "proxy/http/parse/request_line.h"
#include "proxy/http/parse/target.h"

namespace entrepot::http {
namespace {

// Input is stored in pieces before the end of the head is known, and bytes after the head are then
// removed again. Small pieces keep that waste small if requests are pipelined.
constexpr std::size_t piece = 1024;

// Given to llhttp instead of the request line, whose target llhttp might refuse and which has been
// parsed already, to learn the framing of the request.
constexpr std::string_view placeholder_1_1 = "GET / HTTP/1.1\r\n";
constexpr std::string_view placeholder_1_0 = "GET / HTTP/1.0\r\n";

/// Whether `bytes` begin a TLS record of type handshake (RFC 8446 §5.1). Checked first, because a
/// hello may contain line ends.
bool is_tls_hello(std::string_view bytes) {
  return !bytes.empty() && bytes[0] == 0x16 && (bytes.size() == 1 || bytes[1] == 0x03);
}

}  // namespace

RequestParser::RequestParser() { llhttp_init(&llhttp_, HTTP_REQUEST, &settings()); }

const llhttp_settings_t& RequestParser::settings() {
  static const llhttp_settings_t settings = [] {
    llhttp_settings_t s;
    llhttp_settings_init(&s);
    s.on_header_field = on_name;
    s.on_header_value = on_value;
    s.on_headers_complete = on_head_end;
    return s;
  }();
  return settings;
}

void RequestParser::begin(Request& request) {
  request_ = &request;
  scanner_ = {};
  framing_ = {};
  refusal_ = {};
  begun_ = line_checked_ = keep_alive_ = head_ended_ = false;
}

RequestParser::Result RequestParser::feed(std::string_view bytes, std::size_t& consumed) {
  std::string& storage = request_->storage_;
  consumed = 0;
  if (!begun_ && is_tls_hello(bytes)) {
    refusal_ = {400, tls_on_plain_port};
    return Result::refused;
  }
  while (consumed < bytes.size()) {
    begun_ = true;
    const std::string_view next = bytes.substr(consumed, piece);
    storage.append(next);
    consumed += next.size();
    const HeadScanner::Result result = scanner_.scan(storage);
    if (result != HeadScanner::Result::complete) {
      if (line_makes_no_sense()) return Result::refused;
      if (result == HeadScanner::Result::more) continue;
      refusal_ = scanner_.refusal();
      return Result::refused;
    }
    consumed -= storage.size() - scanner_.end();
    storage.resize(scanner_.end());
    return finish();
  }
  return Result::more;
}

// Checked as soon as the line is complete, because no more bytes may follow (HTTP/0.9 ends with the
// line), and before the fields, so that the answer does not depend on how the bytes arrive.
bool RequestParser::line_makes_no_sense() {
  if (scanner_.line_end() == 0 || std::exchange(line_checked_, true)) return false;
  RequestLine ignored;
  refusal_ = parse_request_line(request_line(), ignored);
  return refusal_ && refusal_.close;
}

std::string_view RequestParser::request_line() const {
  const std::size_t begin = scanner_.line_begin();
  return std::string_view(request_->storage_).substr(begin, scanner_.line_end() - begin);
}

RequestParser::Result RequestParser::finish() {
  // The storage gets its final size before views of it are taken: the decoded path follows the
  // head.
  std::string& storage = request_->storage_;
  const std::size_t begin = scanner_.line_begin();
  const std::size_t length = scanner_.line_end() - begin;
  storage.reserve(storage.size() + length);

  RequestLine parsed;
  refusal_ = parse_request_line(request_line(), parsed);
  if (refusal_ && refusal_.close) return Result::refused;
  const Refusal soft = refusal_;
  request_->method_ = parsed.method;
  request_->http_1_0_ = parsed.http_1_0;
  request_->target_ = parsed.target;

  const std::string_view fields = std::string_view(storage).substr(
      scanner_.line_end() + 2, scanner_.end() - scanner_.line_end() - 2);
  const std::string_view stand_in = parsed.http_1_0 ? placeholder_1_0 : placeholder_1_1;
  const std::string_view whole_line = std::string_view(storage).substr(begin, length + 2);
  const bool own_target = !soft && parsed.host.empty();
  if (!run_llhttp(own_target ? whole_line : stand_in, fields)) {
    refusal_ = {400, "malformed request"};
    return Result::refused;
  }
  refusal_ = apply_field_rules(request_->fields_, parsed.http_1_0, framing_, request_->host_);
  if (!parsed.host.empty()) request_->host_ = parsed.host;
  if (!refusal_ || !refusal_.close) {
    if (soft) refusal_ = soft;
    if (!refusal_) refusal_ = split_target();
  }
  return refusal_ ? Result::refused : Result::complete;
}

Refusal RequestParser::split_target() {
  Request& request = *request_;
  const std::size_t mark = request.target_.find('?');
  request.path_ = request.target_.substr(0, mark);
  request.query_ =
      mark == request.target_.npos ? std::string_view() : request.target_.substr(mark + 1);
  const std::size_t begin = request.storage_.size();
  if (const char* wrong = decode_path(request.path_, request.storage_)) return {400, wrong, false};
  request.path_ = std::string_view(request.storage_).substr(begin);
  return {};
}

bool RequestParser::run_llhttp(std::string_view line, std::string_view fields) {
  request_->fields_.reserve(scanner_.field_count());
  llhttp_reset(&llhttp_);
  llhttp_.data = this;
  if (llhttp_execute(&llhttp_, line.data(), line.size()) != HPE_OK) return false;
  // on_head_end pauses llhttp, because BodySkipper reads the body.
  const llhttp_errno_t end = llhttp_execute(&llhttp_, fields.data(), fields.size());
  if (end != HPE_PAUSED || !head_ended_) return false;
  if (request_->fields_.size() != scanner_.field_count()) return false;
  for (Request::Field& field : request_->fields_) field.value = trim(field.value);
  const bool close = (llhttp_.flags & F_CONNECTION_CLOSE) != 0;
  const bool keep = (llhttp_.flags & F_CONNECTION_KEEP_ALIVE) != 0;
  keep_alive_ = !close && (keep || !request_->http_1_0_);
  return true;
}

// The head is contiguous and parsed in one call, so each name and each value is one span. The
// request owns the storage, so names are converted to lower case in place.
int RequestParser::on_name(llhttp_t* parser, const char* at, std::size_t length) {
  Request& request = *static_cast<RequestParser*>(parser->data)->request_;
  char* name = request.storage_.data() + (at - request.storage_.data());
  std::transform(name, name + length, name, to_lower);
  request.fields_.push_back({{name, length}, {}});
  return 0;
}

int RequestParser::on_value(llhttp_t* parser, const char* at, std::size_t length) {
  Request& request = *static_cast<RequestParser*>(parser->data)->request_;
  if (request.fields_.empty()) return HPE_USER;
  request.fields_.back().value = {at, length};
  return 0;
}

int RequestParser::on_head_end(llhttp_t* parser) {
  static_cast<RequestParser*>(parser->data)->head_ended_ = true;
  return HPE_PAUSED;
}

}  // namespace entrepot::http
