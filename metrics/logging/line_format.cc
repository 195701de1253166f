// SPDX-License-Identifier: Apache-2.0
#include "metrics/logging/line_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <iterator>

#include "metrics/logging/journal.h"
#include "metrics/printable.h"

namespace entrepot::log {
namespace {

/// "2026-01-31T12:00:00." for a second. Lines are written in their order, most of them in the same
/// second as the one before.
std::string_view second_text(std::time_t second) {
  thread_local std::time_t last = -1;
  thread_local std::array<char, 32> text{};
  thread_local std::size_t size = 0;
  if (second == last) return {text.data(), size};
  std::tm parts{};
  ::gmtime_r(&second, &parts);
  size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S.", &parts);
  last = second;
  return {text.data(), size};
}

void append_time(spdlog::memory_buf_t& out, spdlog::log_clock::time_point time) {
  const auto milliseconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
  append(out, second_text(static_cast<std::time_t>(milliseconds / 1000)));
  const auto hundreds = static_cast<char>(milliseconds % 1000 / 100 + '0');
  const auto tens = static_cast<char>(milliseconds % 100 / 10 + '0');
  const auto ones = static_cast<char>(milliseconds % 10 + '0');
  append(out, {std::array{hundreds, tens, ones, 'Z'}.data(), 4});
}

std::string_view level_word(spdlog::level::level_enum level) {
  static constexpr std::array<std::string_view, 7> words = {"trace", "debug",    "info", "warn",
                                                            "error", "critical", "off"};
  return words[static_cast<std::size_t>(level)];
}

bool is_plain(char c) { return c >= 0x20 && c < 0x7F; }

}  // namespace

void append_json(spdlog::memory_buf_t& out, std::string_view text) {
  const auto stays = [](char c) { return is_plain(c) && c != '"' && c != '\\'; };
  for (;;) {
    const auto run = std::find_if_not(text.begin(), text.end(), stays) - text.begin();
    append(out, text.substr(0, static_cast<std::size_t>(run)));
    text.remove_prefix(static_cast<std::size_t>(run));
    if (text.empty()) return;
    const char c = text.front();
    if (c == '"' || c == '\\') {
      append(out, {std::array{'\\', c}.data(), 2});
      text.remove_prefix(1);
      continue;
    }
    const auto [length, code, well_formed] = first_character(text);
    if (!well_formed)
      append(out, "\\ufffd");
    else if (!is_interpreted(code))
      append(out, text.substr(0, length));
    else if (code <= 0xFFFF)
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", code);
    else  // RFC 8259, section 7
      fmt::format_to(std::back_inserter(out), "\\u{:04x}\\u{:04x}",
                     0xD800 + ((code - 0x10000) >> 10), 0xDC00 + ((code - 0x10000) & 0x3FF));
    text.remove_prefix(length);
  }
}

void append_plain(spdlog::memory_buf_t& out, std::string_view text) {
  if (std::all_of(text.begin(), text.end(), is_plain))
    append(out, text);
  else
    append(out, printable(text));
}

bool is_json(LineStyle style) {
  return style == LineStyle::json || style == LineStyle::journal_json;
}

void append_line(spdlog::memory_buf_t& line, LineStyle style, spdlog::log_clock::time_point time,
                 spdlog::level::level_enum level, bool access, std::string_view payload) {
  if (style == LineStyle::journal_text || style == LineStyle::journal_json)
    append(line, priority(level));
  if (is_json(style)) {
    append(line, "{\"time\":\"");
    append_time(line, time);
    append(line, "\",\"level\":\"");
    append(line, level_word(level));
    append(line, access ? "\",\"access\":{" : "\",\"message\":\"");
    access ? append(line, payload) : append_json(line, payload);
    append(line, access ? "}}" : "\"}");
    return;
  }
  if (style == LineStyle::text) {
    append_time(line, time);
    line.push_back(' ');
    append(line, level_word(level));
    append(line,
           std::string_view("      ").substr(std::min<std::size_t>(level_word(level).size(), 5)));
  }
  access ? append(line, payload) : append_plain(line, payload);
}

void LineFormatter::format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& line) {
  const bool access = std::string_view(message.logger_name.data(), message.logger_name.size()) ==
                      access_logger_name;
  append_line(line, style_, message.time, message.level, access,
              {message.payload.data(), message.payload.size()});
  line.push_back('\n');
}

}  // namespace entrepot::log
