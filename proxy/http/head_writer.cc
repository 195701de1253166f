// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/head_writer.h"

#include <array>
#include <charconv>
#include <cstddef>

namespace entrepot::http {
namespace {

struct ReasonPhrase {
  int status;
  std::string_view text;
};

constexpr ReasonPhrase reason_phrases[] = {
    {200, "OK"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
    {508, "Loop Detected"},
};

constexpr std::size_t statuses = 600;  // 0 to 599

/// The phrases by status, so that a head costs one look-up.
constexpr auto phrase_of_status = [] {
  std::array<std::string_view, statuses> phrases{};
  for (const auto& [status, text] : reason_phrases)
    phrases[static_cast<std::size_t>(status)] = text;
  return phrases;
}();

/// The phrase of RFC 9110; empty for a status without one here.
constexpr std::string_view reason_phrase(int status) {
  const auto index = static_cast<std::size_t>(status);  // above the bound where negative
  return index < statuses ? phrase_of_status[index] : std::string_view();
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
