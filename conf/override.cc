// SPDX-License-Identifier: Apache-2.0
#include "conf/override.h"

#include <charconv>
#include <optional>
#include <stdexcept>
#include <string>

namespace entrepot::conf {
namespace {

/// An invalid key; what() is the reason.
class KeyError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Position of the '=' that ends the key, outside quotes.
std::size_t end_of_key(std::string_view assignment) {
  bool quoted = false;
  for (std::size_t i = 0; i < assignment.size(); ++i) {
    if (assignment[i] == '"') quoted = !quoted;
    if (assignment[i] == '=' && !quoted) return i;
  }
  return std::string_view::npos;
}

/// Removes the first name from `rest`: a quoted one, or the longest one that `object` contains, or
/// everything up to '.' or '['.
std::string take_name(std::string_view& rest, const Json& object) {
  const auto ends_at = [&](std::size_t length) {
    return length == rest.size() || rest[length] == '.' || rest[length] == '[';
  };
  std::string name;
  std::size_t used = 0;
  if (rest.starts_with('"')) {
    const auto close = rest.find('"', 1);
    if (close == std::string_view::npos) throw KeyError("a quote is not closed");
    name = rest.substr(1, close - 1);
    used = close + 1;
    if (!ends_at(used)) throw KeyError("expected '.', '[' or '=' after the closing quote");
  } else {
    for (const auto& [key, value] : object.items())
      if (key.size() > name.size() && rest.starts_with(key) && ends_at(key.size())) name = key;
    if (name.empty()) name = rest.substr(0, rest.find_first_of(".["));
    used = name.size();
  }
  if (name.empty()) throw KeyError("a name is missing");
  rest.remove_prefix(used);
  return name;
}

/// Removes "[n]" from `rest`.
std::size_t take_index(std::string_view& rest) {
  std::size_t index = 0;
  const char* const end = rest.data() + rest.size();
  const auto [digits, error] = std::from_chars(rest.data() + 1, end, index);
  if (error != std::errc() || digits == end || *digits != ']')
    throw KeyError("expected a number in [ ]");
  rest.remove_prefix(static_cast<std::size_t>(digits + 1 - rest.data()));
  if (!rest.empty() && rest.front() != '.' && rest.front() != '[')
    throw KeyError("expected '.', '[' or '=' after ']'");
  return index;
}

/// Returns the value of a key; creates missing objects and entries.
Json& follow(std::string_view key, Json& document) {
  Json* at = &document;
  std::string_view rest = key;
  std::string_view done;
  do {
    if (rest.starts_with('[')) {
      const auto index = take_index(rest);
      if (at->is_null()) *at = Json::array();
      if (!at->is_array()) throw KeyError(std::string(done) + " is not a list");
      if (index > at->size())
        throw KeyError(std::string(done) + " has " + std::to_string(at->size()) + " entries");
      if (index == at->size()) at->push_back(nullptr);
      at = &(*at)[index];
    } else {
      if (rest.starts_with('.')) rest.remove_prefix(1);
      if (at->is_null()) *at = Json::object();
      if (!at->is_object()) throw KeyError(std::string(done) + " is not an object");
      at = &(*at)[take_name(rest, *at)];
    }
    done = key.substr(0, key.size() - rest.size());
  } while (!rest.empty());
  return *at;
}

Json value_of(std::string_view text) {
  constexpr bool throws = false;
  Json value = Json::parse(text, nullptr, throws);
  return value.is_discarded() ? Json(std::string(text)) : value;
}

}  // namespace

void apply_override(std::string_view assignment, Json& document, Problems& problems) {
  const auto equals = end_of_key(assignment);
  if (equals == std::string_view::npos || equals == 0) {
    problems.error("-s " + std::string(assignment),
                   "expected key=value, such as cache.max_size=10GiB");
    return;
  }
  const auto key = assignment.substr(0, equals);
  try {
    follow(key, document) = value_of(assignment.substr(equals + 1));
  } catch (const KeyError& error) {
    problems.error("-s " + std::string(key), error.what());
  }
}

}  // namespace entrepot::conf
