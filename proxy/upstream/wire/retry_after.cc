// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/wire/retry_after.h"

#include <curl/curl.h>

#include <algorithm>
#include <string>

#include "proxy/base/text.h"

namespace entrepot::upstream {
namespace {

/// A year, in seconds: what is larger is no window.
constexpr std::uint64_t longest_announced = 365ULL * 24 * 3600;

std::string_view leading_digits(std::string_view text) {
  std::size_t length = 0;
  while (length < text.size() && is_digit(text[length])) ++length;
  return text.substr(0, length);
}

}  // namespace

std::optional<std::chrono::seconds> parse_retry_after(std::string_view value,
                                                      std::chrono::system_clock::time_point now) {
  value = trim(value);
  if (value.empty() || value.size() > 128) return std::nullopt;
  if (leading_digits(value) == value) {
    // A number that does not fit 64 bits is above the longest wait too.
    const std::uint64_t seconds = parse_number(value).value_or(UINT64_MAX);
    return std::min<std::uint64_t>(seconds, static_cast<std::uint64_t>(max_retry_after.count())) *
           std::chrono::seconds(1);
  }
  // A date names a day or a month: it holds a comma or a space. Keeps "-5" and "1.5" out.
  if (value.find(' ') == std::string_view::npos) return std::nullopt;
  const time_t when = curl_getdate(std::string(value).c_str(), nullptr);
  if (when == -1) return std::nullopt;
  // In whole seconds: the clock's own unit does not reach the years a date may name.
  const auto wait =
      std::chrono::seconds(when) - std::chrono::floor<std::chrono::seconds>(now.time_since_epoch());
  return std::clamp<std::chrono::seconds>(wait, std::chrono::seconds(0), max_retry_after);
}

std::optional<RateLimit> parse_ratelimit(std::string_view value) {
  value = trim(value);
  const std::string_view digits = leading_digits(value);
  const std::string_view rest = trim(value.substr(digits.size()));
  if (!rest.empty() && rest.front() != ';' && rest.front() != ',') return std::nullopt;
  const auto count = parse_number(digits);
  if (!count) return std::nullopt;
  RateLimit limit{.count = *count, .window = std::nullopt};
  const std::string_view parameter = trim(rest.substr(rest.starts_with(';') ? 1 : 0));
  if (!parameter.starts_with("w=")) return limit;
  const auto window = parse_number(leading_digits(parameter.substr(2)));
  if (window && *window <= longest_announced) limit.window = std::chrono::seconds(*window);
  return limit;
}

}  // namespace entrepot::upstream
