// SPDX-License-Identifier: Apache-2.0
#include "proxy/access/login/utc_time.h"

#include <cstddef>
#include <cstdint>

#include "proxy/base/text.h"

namespace entrepot::access {
namespace {

constexpr std::string_view form = "dddd-dd-ddTdd:dd:ddZ";

bool has_form(std::string_view text) {
  if (text.size() != form.size()) return false;
  for (std::size_t i = 0; i < form.size(); ++i)
    if (form[i] == 'd' ? !is_digit(text[i]) : text[i] != form[i]) return false;
  return true;
}

/// REQUIRES: digits only.
unsigned number(std::string_view digits) { return static_cast<unsigned>(*parse_number(digits)); }

void append(std::string& text, unsigned value, std::size_t width) {
  const std::string digits = std::to_string(value);
  text.append(width - digits.size(), '0').append(digits);
}

}  // namespace

std::optional<std::chrono::sys_seconds> parse_utc_time(std::string_view text) {
  using namespace std::chrono;
  if (!has_form(text)) return std::nullopt;
  const year_month_day date(year(static_cast<int>(number(text.substr(0, 4)))),
                            month(number(text.substr(5, 2))), day(number(text.substr(8, 2))));
  const unsigned hour = number(text.substr(11, 2));
  const unsigned minute = number(text.substr(14, 2));
  const unsigned second = number(text.substr(17, 2));
  if (!date.ok() || date.year() < year(1970) || hour > 23 || minute > 59 || second > 59)
    return std::nullopt;
  return sys_days(date) + hours(hour) + minutes(minute) + seconds(second);
}

std::string utc_time_text(std::chrono::sys_seconds time) {
  using namespace std::chrono;
  const auto day_begin = floor<days>(time);
  const year_month_day date(day_begin);
  const hh_mm_ss<seconds> clock(time - day_begin);
  std::string text;
  append(text, static_cast<unsigned>(static_cast<int>(date.year())), 4);
  append(text.append("-"), static_cast<unsigned>(date.month()), 2);
  append(text.append("-"), static_cast<unsigned>(date.day()), 2);
  append(text.append("T"), static_cast<unsigned>(clock.hours().count()), 2);
  append(text.append(":"), static_cast<unsigned>(clock.minutes().count()), 2);
  append(text.append(":"), static_cast<unsigned>(clock.seconds().count()), 2);
  return text.append("Z");
}

}  // namespace entrepot::access
