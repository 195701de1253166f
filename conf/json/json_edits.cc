// SPDX-License-Identifier: Apache-2.0
#include "conf/json/json_edits.h"

#include <algorithm>
#include <utility>

#include "conf/json/duplicate_keys.h"
#include "conf/json/json.h"

namespace entrepot::conf {
namespace {

using OrderedJson = nlohmann::ordered_json;

constexpr std::string_view blanks = " \t\r\n";
constexpr int max_depth = 100;  // writing JSON recurses

bool is_blank(std::string_view text) {
  return text.find_first_not_of(blanks) == std::string_view::npos;
}

std::optional<OrderedJson> parsed(std::string_view text, Problems& problems) {
  if (is_blank(text)) text = "{}";
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

bool is_list_of_texts(const OrderedJson& list) {
  return list.is_array() && std::all_of(list.begin(), list.end(),
                                        [](const OrderedJson& value) { return value.is_string(); });
}

auto equals(const ListEntry& entry) {
  return [&entry](const OrderedJson& value) {
    return without_slashes(value.get_ref<const std::string&>()) == without_slashes(entry.text);
  };
}

/// Returns true if the text was added.
bool add(OrderedJson& document, const ListEntry& entry, Problems& problems) {
  auto& list = document[entry.key];
  if (list.is_null()) list = OrderedJson::array();
  if (!is_list_of_texts(list)) {
    problems.error(entry.key, "expected a list of texts");
    return false;
  }
  if (std::any_of(list.begin(), list.end(), equals(entry))) return false;
  list.insert(list.begin(), entry.text);
  return true;
}

/// Returns true if the text was removed.
bool remove(OrderedJson& document, const ListEntry& entry, Problems& problems) {
  const auto found = document.find(entry.key);
  if (found == document.end() || found->is_null()) return false;
  if (!is_list_of_texts(*found)) {
    problems.error(entry.key, "expected a list of texts");
    return false;
  }
  const auto text = std::find_if(found->begin(), found->end(), equals(entry));
  if (text == found->end()) return false;
  found->erase(text);
  if (found->empty()) document.erase(entry.key);
  return true;
}

/// The object at `key`; nullptr if there is none. The result is false after a problem.
bool find_object(OrderedJson& document, const std::string& key, OrderedJson*& object,
                 Problems& problems) {
  const auto found = document.find(key);
  object = found == document.end() || found->is_null() ? nullptr : &*found;
  if (object == nullptr || object->is_object()) return true;
  problems.error(key, "expected an object { … }");
  return false;
}

/// Writes the document with the indentation of `text`, which is taken from its second line.
std::string written(const OrderedJson& document, std::string_view text) {
  if (is_blank(text)) text = "";
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
  auto document = parsed(text, problems);
  if (!document) return std::nullopt;
  const auto errors_before = problems.errors.size();
  bool changed = false;
  for (const auto& entry : entries) changed |= add(*document, entry, problems);
  if (problems.errors.size() > errors_before) return std::nullopt;
  return changed ? written(*document, text) : std::string(text);
}

std::optional<std::string> remove_from_lists(std::string_view text,
                                             const std::vector<ListEntry>& entries,
                                             Problems& problems) {
  auto document = parsed(text, problems);
  if (!document) return std::nullopt;
  const auto errors_before = problems.errors.size();
  bool changed = false;
  for (const auto& entry : entries) changed |= remove(*document, entry, problems);
  if (problems.errors.size() > errors_before) return std::nullopt;
  return changed ? written(*document, text) : std::string(text);
}

std::optional<std::string> member_value(std::string_view text, const Member& member,
                                        Problems& problems) {
  auto document = parsed(text, problems);
  OrderedJson* object = nullptr;
  if (!document || !find_object(*document, member.key, object, problems)) return std::nullopt;
  if (object == nullptr || !object->contains(member.name)) return "";
  return (*object)[member.name].dump();
}

std::optional<std::string> set_member(std::string_view text, const Member& member,
                                      std::string_view value, Problems& problems) {
  auto document = parsed(text, problems);
  OrderedJson* object = nullptr;
  if (!document || !find_object(*document, member.key, object, problems)) return std::nullopt;
  auto wanted = OrderedJson::parse(value);
  if (object != nullptr && object->contains(member.name) && (*object)[member.name] == wanted)
    return std::string(text);
  if (object == nullptr) (*document)[member.key] = OrderedJson::object();
  (*document)[member.key][member.name] = std::move(wanted);
  return written(*document, text);
}

std::optional<std::string> remove_member(std::string_view text, const Member& member,
                                         Problems& problems) {
  auto document = parsed(text, problems);
  OrderedJson* object = nullptr;
  if (!document || !find_object(*document, member.key, object, problems)) return std::nullopt;
  if (object == nullptr || !object->contains(member.name)) return std::string(text);
  object->erase(member.name);
  if (object->empty()) document->erase(member.key);
  return written(*document, text);
}

bool is_empty_object(std::string_view text) {
  Problems problems;
  const auto document = parsed(text, problems);
  return document && document->empty();
}

}  // namespace entrepot::conf
