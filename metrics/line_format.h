// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <spdlog/formatter.h>

#include <memory>
#include <string_view>

namespace entrepot::log {

/// Name of the logger whose messages are ready-made fields (access_log.h).
inline constexpr std::string_view access_logger_name = "access";

/// One line for each message, in text
///   2026-01-31T12:00:00.123Z warn  message
/// or as a JSON object with "time", "level" and "message" (access lines: "access": {…}).
/// Line breaks and whatever else acts on a terminal (printable.h) are escaped, so that no client or
/// upstream can forge a line or hide one.
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

/// Appends `text` with quotes, backslashes and what acts on a terminal (printable.h) escaped as in
/// a JSON string; bytes that are not UTF-8 become U+FFFD.
void append_json(spdlog::memory_buf_t& out, std::string_view text);

/// Appends `text` as printable() makes it.
void append_plain(spdlog::memory_buf_t& out, std::string_view text);

}  // namespace entrepot::log
