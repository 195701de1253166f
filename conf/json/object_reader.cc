// SPDX-License-Identifier: Apache-2.0
#include "conf/json/object_reader.h"

#include <algorithm>
#include <optional>

#include "conf/json/units.h"

namespace entrepot::conf {
namespace {

template <typename Range>
std::string joined(const Range& words) {
  std::string text;
  for (const auto& word : words) text.append(text.empty() ? "" : ", ").append(word);
  return text;
}

}  // namespace

ObjectReader::ObjectReader(const Json& value, std::string path, Problems& problems)
    : value_(value), path_(std::move(path)), problems_(problems) {
  if (!valid()) problems_.error(path_, "expected an object { … }, found " + shown(value_));
}

ObjectReader::~ObjectReader() {
  if (!valid()) return;
  for (const auto& [key, value] : value_.items()) {
    if (std::find(known_.begin(), known_.end(), key) == known_.end())
      problems_.error(path(key), "unknown key; known here: " + joined(known_));
  }
}

std::string ObjectReader::path(std::string_view key) const {
  return path_.empty() ? std::string(key) : path_ + "." + std::string(key);
}

const Json* ObjectReader::find(std::string_view key) {
  if (std::find(known_.begin(), known_.end(), key) == known_.end()) known_.emplace_back(key);
  if (!valid()) return nullptr;
  const auto found = value_.find(std::string(key));
  return found == value_.end() ? nullptr : &*found;
}

const Json* ObjectReader::find(std::string_view key, Json::value_t type,
                               std::string_view expected_what) {
  const Json* found = find(key);
  if (found == nullptr || found->type() == type) return found;
  expected(key, expected_what, *found);
  return nullptr;
}

void ObjectReader::expected(std::string_view key, std::string_view what, const Json& found) {
  problems_.error(path(key), "expected " + std::string(what) + ", found " + shown(found));
}

void ObjectReader::outside(std::string_view key, const Json& found, std::string_view least,
                           std::string_view most) {
  problems_.error(path(key), shown(found) + " is not between " + std::string(least) + " and " +
                                 std::string(most));
}

void ObjectReader::text(std::string_view key, std::string& value) {
  if (const auto* found = find(key, Json::value_t::string, "a text")) value = *found;
}

void ObjectReader::boolean(std::string_view key, bool& value) {
  if (const auto* found = find(key, Json::value_t::boolean, "true or false")) value = *found;
}

void ObjectReader::integer(std::string_view key, std::uint64_t& value, std::uint64_t least,
                           std::uint64_t most) {
  const auto* found = find(key);
  if (found == nullptr) return;
  if (!found->is_number_integer()) return expected(key, "a whole number", *found);
  const bool negative = !found->is_number_unsigned() && found->get<std::int64_t>() < 0;
  const auto number = negative ? 0 : found->get<std::uint64_t>();
  if (negative || number < least || number > most)
    return outside(key, *found, std::to_string(least), std::to_string(most));
  value = number;
}

void ObjectReader::integer(std::string_view key, int& value, int least, int most) {
  auto number = static_cast<std::uint64_t>(value);
  integer(key, number, static_cast<std::uint64_t>(least), static_cast<std::uint64_t>(most));
  value = static_cast<int>(number);
}

void ObjectReader::size(std::string_view key, std::uint64_t& value, std::uint64_t least) {
  const auto* found = find(key);
  if (found == nullptr) return;
  std::optional<std::uint64_t> number;
  if (found->is_string()) number = parse_size(found->get_ref<const std::string&>());
  if (found->is_number_unsigned()) number = parse_size(std::to_string(found->get<std::uint64_t>()));
  if (!number)
    return problems_.error(path(key), shown(*found) +
                                          " is not a size: give a whole number of bytes, or one "
                                          "with KiB, MiB, GiB or TiB, such as \"10GiB\"");
  if (*number < least)
    return problems_.error(path(key), shown(*found) + " is too small: at least " +
                                          std::to_string(least) + " bytes are needed");
  value = *number;
}

void ObjectReader::duration(std::string_view key, std::chrono::milliseconds& value,
                            std::chrono::milliseconds least) {
  const auto* found = find(key);
  if (found == nullptr) return;
  std::optional<std::chrono::milliseconds> parsed;
  if (found->is_string()) parsed = parse_duration(found->get_ref<const std::string&>());
  if (!parsed)
    return problems_.error(path(key), shown(*found) +
                                          " is not a time: give a whole number with ms, s, m, h or "
                                          "d, at most ten years, such as \"30s\"");
  if (*parsed < least)
    return problems_.error(path(key), shown(*found) + " is too short: at least " +
                                          std::to_string(least.count()) + "ms are needed");
  value = *parsed;
}

void ObjectReader::word(std::string_view key, std::size_t& index,
                        std::initializer_list<std::string_view> words) {
  const auto* found = find(key, Json::value_t::string, "one of " + joined(words));
  if (found == nullptr) return;
  const auto* const at =
      std::find(words.begin(), words.end(), found->get_ref<const std::string&>());
  if (at == words.end())
    return problems_.error(path(key), shown(*found) + " is not one of " + joined(words));
  index = static_cast<std::size_t>(at - words.begin());
}

void ObjectReader::object(std::string_view key, const ReadObject& read) {
  if (const auto* found = find(key)) {
    ObjectReader reader(*found, path(key), problems_);
    if (reader.valid()) read(reader);
  }
}

void ObjectReader::objects(std::string_view key, const ReadObject& read) {
  const auto* found = find(key, Json::value_t::array, "a list [ … ]");
  for (std::size_t i = 0; found != nullptr && i < found->size(); ++i) {
    ObjectReader reader((*found)[i], indexed(path(key), i), problems_);
    if (reader.valid()) read(reader);
  }
}

void ObjectReader::texts(
    std::string_view key,
    const std::function<void(const std::string& text, const std::string& path)>& read) {
  const auto* found = find(key, Json::value_t::array, "a list [ … ]");
  for (std::size_t i = 0; found != nullptr && i < found->size(); ++i) {
    const auto& entry = (*found)[i];
    const auto entry_path = indexed(path(key), i);
    if (entry.is_string())
      read(entry.get_ref<const std::string&>(), entry_path);
    else
      problems_.error(entry_path, "expected a text, found " + shown(entry));
  }
}

void ObjectReader::entries(std::string_view key,
                           const std::function<void(const std::string& name, const Json&)>& read) {
  const auto* found = find(key, Json::value_t::object, "an object { … }");
  if (found == nullptr) return;
  for (const auto& [name, value] : found->items()) read(name, value);
}

}  // namespace entrepot::conf
