// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/head_writer.h"

#include <array>
#include <charconv>

namespace entrepot::http {
namespace {

const char* reason_phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 416:
      return "Range Not Satisfiable";
    case 417:
      return "Expectation Failed";
    case 421:
      return "Misdirected Request";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    case 508:
      return "Loop Detected";
    case 507:
      return "Insufficient Storage";
    default:
      return "";
  }
}

void append_number(std::string& out, std::uint64_t value) {
  std::array<char, 20> digits;
  out.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr);
}

/// The content comes from third parties, so browsers must not guess a type for it.
constexpr std::string_view fixed_fields = "X-Content-Type-Options: nosniff\r\n";

}  // namespace

std::string_view HeadWriter::write(const Frame& frame, std::string_view fields) {
  buffer_.assign("HTTP/1.1 ");
  append_number(buffer_, static_cast<std::uint64_t>(frame.status));
  buffer_.append(" ").append(reason_phrase(frame.status)).append("\r\n").append(date_line());
  if (frame.content_length != no_length) {
    buffer_.append("Content-Length: ");
    append_number(buffer_, frame.content_length);
    buffer_.append("\r\n");
  }
  if (!frame.keep_alive)
    buffer_.append("Connection: close\r\n");
  else if (frame.http_1_0)
    buffer_.append("Connection: keep-alive\r\n");
  buffer_.append(fixed_fields).append(common_fields_).append(fields).append("\r\n");
  return buffer_;
}

const std::string& HeadWriter::date_line() {
  const std::time_t now = std::time(nullptr);
  if (now == date_second_) return date_line_;
  date_second_ = now;
  std::tm utc{};
  gmtime_r(&now, &utc);
  std::array<char, 64> text;
  // The process never calls setlocale(), so the names are the English ones of RFC 9110 §5.6.7.
  const std::size_t length =
      std::strftime(text.data(), text.size(), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &utc);
  date_line_.assign(text.data(), length);
  return date_line_;
}

}  // namespace entrepot::http
