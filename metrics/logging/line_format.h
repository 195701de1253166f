// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <spdlog/formatter.h>

#include <cstdint>
#include <memory>
#include <string_view>

namespace entrepot::log {

/// Name of the logger whose messages are preformatted fields (access_log.h).
inline constexpr std::string_view access_logger_name = "access";

enum class LineStyle : std::uint8_t {
  text,          ///< 2026-01-31T12:00:00.123Z warn  message
  json,          ///< an object with "time", "level" and "message" (access lines: "access": {…})
  journal_text,  ///< <4>message: the journal notes time and level (journal.h)
  journal_json,  ///< the object behind <4>
};
bool is_json(LineStyle style);

/// Appends a line without its end. `access`: the payload has the preformatted fields of an access
/// line. Otherwise escapes line breaks and other characters that a terminal interprets
/// (printable.h), so that no client or upstream can forge or hide a line.
void append_line(spdlog::memory_buf_t& line, LineStyle style, spdlog::log_clock::time_point time,
                 spdlog::level::level_enum level, bool access, std::string_view payload);

/// Formats one line for each message.
class LineFormatter : public spdlog::formatter {
 public:
  explicit LineFormatter(LineStyle style) : style_(style) {}

  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& line) override;
  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<LineFormatter>(style_);
  }

 private:
  const LineStyle style_;
};

inline void append(spdlog::memory_buf_t& out, std::string_view text) {
  out.append(text.data(), text.data() + text.size());
}

/// Appends `text` as in a JSON string: escapes quotes, backslashes and characters that a terminal
/// interprets (printable.h). Bytes that are not UTF-8 become U+FFFD.
void append_json(spdlog::memory_buf_t& out, std::string_view text);

/// Appends printable(text).
void append_plain(spdlog::memory_buf_t& out, std::string_view text);

}  // namespace entrepot::log
