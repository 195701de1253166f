// SPDX-License-Identifier: Apache-2.0
#include "conf/json/json_lists.h"

#include <algorithm>

#include "conf/json/duplicate_keys.h"
#include "conf/json/json.h"

namespace entrepot::conf {
namespace {

using OrderedJson = nlohmann::ordered_json;

constexpr std::string_view blanks = " \t\r\n";
constexpr int max_depth = 100;  // writing JSON recurses

std::optional<OrderedJson> parsed(std::string_view text, Problems& problems) {
  const auto errors_before = problems.errors.size();
  int depth_seen = 0;
  DuplicateKeys duplicates(problems);
  try {
    OrderedJson document = OrderedJson::parse(
        text, [&](int depth, OrderedJson::parse_event_t event, const OrderedJson& value) {
          depth_seen = std::max(depth_seen, depth);
          return duplicates(depth, event, value);
        });
    if (!document.is_object()) problems.error("", "not a JSON object { … }");
    if (depth_seen > max_depth) problems.error("", "nested too deeply");
    if (problems.errors.size() == errors_before) return document;
  } catch (const OrderedJson::parse_error& error) {
    problems.error("", syntax_fault(text, error));
  } catch (const OrderedJson::exception& error) {  // a number out of range
    problems.error("", error.what());
  }
  return std::nullopt;
}

std::string_view without_slashes(std::string_view text) {
  while (text.ends_with('/')) text.remove_suffix(1);
  return text;
}

/// Returns true if the text was added.
bool add(OrderedJson& document, const ListEntry& entry, Problems& problems) {
  auto& list = document[entry.key];
  if (list.is_null()) list = OrderedJson::array();
  const auto is_text = [](const OrderedJson& value) { return value.is_string(); };
  if (!list.is_array() || !std::all_of(list.begin(), list.end(), is_text)) {
    problems.error(entry.key, "expected a list of texts");
    return false;
  }
  const auto is_entry = [&](const OrderedJson& value) {
    return without_slashes(value.get_ref<const std::string&>()) == without_slashes(entry.text);
  };
  if (std::any_of(list.begin(), list.end(), is_entry)) return false;
  list.insert(list.begin(), entry.text);
  return true;
}

/// Writes the document with the indentation of `text`, which is taken from its second line.
std::string written(const OrderedJson& document, std::string_view text) {
  const auto end = text.find('\n');
  const auto indent = end == std::string_view::npos ? "" : text.substr(end + 1);
  const auto width = std::min(indent.find_first_not_of(" \t"), indent.size());
  constexpr int usual = 2;
  if (indent.starts_with('\t')) return document.dump(1, '\t') + "\n";
  return document.dump(width == 0 ? usual : static_cast<int>(width)) + "\n";
}

}  // namespace

std::optional<std::string> add_to_lists(std::string_view text,
                                        const std::vector<ListEntry>& entries, Problems& problems) {
  if (text.find_first_not_of(blanks) == std::string_view::npos) text = "{}";
  auto document = parsed(text, problems);
  if (!document) return std::nullopt;
  const auto errors_before = problems.errors.size();
  bool changed = false;
  for (const auto& entry : entries) changed |= add(*document, entry, problems);
  if (problems.errors.size() > errors_before) return std::nullopt;
  return changed ? written(*document, text) : std::string(text);
}

}  // namespace entrepot::conf
