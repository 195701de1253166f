// SPDX-License-Identifier: Apache-2.0
#include "proxy/access/login/password_file.h"

#include <utility>

#include "metrics/printable.h"
#include "proxy/access/login/password_hash.h"
#include "proxy/access/user_name.h"
#include "proxy/base/text.h"

namespace entrepot::access {
namespace {

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

/// Removes the first line from `text` and returns it without its end and trailing spaces.
std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == text.npos ? text.size() : end + 1);
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ' || line.back() == '\t'))
    line.remove_suffix(1);
  return line;
}

/// A line of the file, split. Views into the line.
struct Line {
  std::string_view user;
  std::string_view hash;
};

/// The entry of a line, or the fault of the line.
std::variant<Line, Fault> read_line(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == line.npos)
    return Fault{"no colon; a line is \"user:hash\", as `htpasswd -B` writes it"};
  const Line entry{line.substr(0, colon), line.substr(colon + 1)};
  if (auto fault = fault_of_user_name(entry.user)) return Fault{std::move(*fault)};
  if (const auto fault = fault_of_hash(entry.hash))
    return Fault{"the password of " + printable(entry.user) + ": " + *fault};
  return entry;
}

}  // namespace

std::variant<PasswordFile, std::vector<Problem>> PasswordFile::parse(std::string_view text) {
  if (text.size() > max_size)
    return std::vector<Problem>{{"", "larger than 4 MiB, so this is no file of passwords"}};
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  PasswordFile file;
  Problems problems;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::string_view line = take_line(text);
    if (line.empty() || line.front() == '#') continue;
    const std::string where = "line " + std::to_string(number);
    const auto read = read_line(line);
    if (const auto* fault = std::get_if<Fault>(&read)) {
      problems.add(where, fault->text);
      continue;
    }
    const auto& entry = std::get<Line>(read);
    if (!file.hashes_.try_emplace(std::string(entry.user), entry.hash).second)
      problems.add(where, "a second line for " + printable(entry.user) + "; remove one of the two");
  }
  if (file.size() > max_users)
    problems.add("", "more than " + std::to_string(max_users) + " users; remove some");
  if (problems.any()) return problems.take();
  return file;
}

const std::string* PasswordFile::hash_of(std::string_view user) const {
  const auto found = hashes_.find(user);
  return found == hashes_.end() ? nullptr : &found->second;
}

}  // namespace entrepot::access
