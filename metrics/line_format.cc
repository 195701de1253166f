// SPDX-License-Identifier: Apache-2.0
#include "metrics/line_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <iterator>

#include "metrics/printable.h"

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
