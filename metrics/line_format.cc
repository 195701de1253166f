// SPDX-License-Identifier: Apache-2.0
#include "metrics/line_format.h"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <ctime>
#include <iterator>

namespace entrepot::log {
namespace {

void append(spdlog::memory_buf_t& out, std::string_view text) {
  out.append(text.data(), text.data() + text.size());
}

void append_time(spdlog::memory_buf_t& out, spdlog::log_clock::time_point time) {
  const auto milliseconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
  const std::time_t seconds = static_cast<std::time_t>(milliseconds / 1000);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  fmt::format_to(std::back_inserter(out), "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
                 parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min,
                 parts.tm_sec, milliseconds % 1000);
}

std::string_view level_word(spdlog::level::level_enum level) {
  static constexpr std::array<std::string_view, 7> words = {"trace", "debug",    "info", "warn",
                                                            "error", "critical", "off"};
  return words[static_cast<std::size_t>(level)];
}

/// Bytes of the well-formed UTF-8 sequence that starts `text`, or 0.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  const std::size_t length = lead < 0x80                    ? 1
                             : lead >= 0xC2 && lead <= 0xDF ? 2
                             : (lead & 0xF0) == 0xE0        ? 3
                             : lead >= 0xF0 && lead <= 0xF4 ? 4
                                                            : 0;
  if (length == 0 || length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xC0) != 0x80) return 0;
  // Overlong forms, surrogates and what lies beyond U+10FFFF.
  if (lead == 0xE0 && byte(1) < 0xA0) return 0;
  if (lead == 0xED && byte(1) > 0x9F) return 0;
  if (lead == 0xF0 && byte(1) < 0x90) return 0;
  if (lead == 0xF4 && byte(1) > 0x8F) return 0;
  return length;
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

}  // namespace

void append_json(spdlog::memory_buf_t& out, std::string_view text) {
  while (!text.empty()) {
    const char c = text.front();
    std::size_t length = 1;
    if (c == '"' || c == '\\') {
      append(out, {std::array{'\\', c}.data(), 2});
    } else if (is_control(c)) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(c));
    } else if ((length = utf8_length(text)) > 0) {
      append(out, text.substr(0, length));
    } else {
      append(out, "\\ufffd");
      length = 1;
    }
    text.remove_prefix(length);
  }
}

void append_plain(spdlog::memory_buf_t& out, std::string_view text) {
  for (const char c : text) {
    if (is_control(c))
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(c));
    else
      out.push_back(c);
  }
}

void LineFormatter::format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& line) {
  const std::string_view payload(message.payload.data(), message.payload.size());
  const bool access = std::string_view(message.logger_name.data(), message.logger_name.size()) ==
                      access_logger_name;
  if (!json_) {
    append_time(line, message.time);
    fmt::format_to(std::back_inserter(line), " {:<5} ", level_word(message.level));
    append_plain(line, payload);
  } else {
    append(line, "{\"time\":\"");
    append_time(line, message.time);
    append(line, "\",\"level\":\"");
    append(line, level_word(message.level));
    if (access) {
      append(line, "\",\"access\":{");
      append(line, payload);
      append(line, "}}");
    } else {
      append(line, "\",\"message\":\"");
      append_json(line, payload);
      append(line, "\"}");
    }
  }
  line.push_back('\n');
}

}  // namespace entrepot::log
