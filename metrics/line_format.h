// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <spdlog/formatter.h>

#include <memory>
#include <string_view>

namespace entrepot::log {

/// Name of the logger whose messages are preformatted fields (access_log.h).
inline constexpr std::string_view access_logger_name = "access";

/// Formats one line for each message, as text
///   2026-01-31T12:00:00.123Z warn  message
/// or as a JSON object with "time", "level" and "message" (access lines: "access": {…}). Escapes
/// line breaks and other characters that a terminal interprets (printable.h), so that no client or
/// upstream can forge or hide a line.
class LineFormatter : public spdlog::formatter {
 public:
  explicit LineFormatter(bool json) : json_(json) {}

  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& line) override;
  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<LineFormatter>(json_);
  }

 private:
  const bool json_;
};

/// Appends `text` as in a JSON string: escapes quotes, backslashes and characters that a terminal
/// interprets (printable.h). Bytes that are not UTF-8 become U+FFFD.
void append_json(spdlog::memory_buf_t& out, std::string_view text);

/// Appends printable(text).
void append_plain(spdlog::memory_buf_t& out, std::string_view text);

}  // namespace entrepot::log
