// SPDX-License-Identifier: Apache-2.0
#include "conf/differences.h"

#include <algorithm>
#include <map>
#include <string_view>

#include "metrics/printable.h"

namespace entrepot::conf {
namespace {

using Kind = Difference::Kind;
using ByKey = std::map<std::string_view, const KeyValue*>;

/// The bytes of one value in a line.
constexpr std::size_t longest_value = 200;

const std::string absent = "null";

ByKey index_of_keys(const std::vector<KeyValue>& all) {
  ByKey found;
  for (const auto& one : all) found.emplace(one.key, &one);
  return found;
}

/// Without the later ones of equal keys, such as those of two listeners on port 0.
std::vector<KeyValue> distinct(const std::vector<KeyValue>& all) {
  const auto first = index_of_keys(all);
  std::vector<KeyValue> kept;
  for (const auto& one : all)
    if (first.at(one.key) == &one) kept.push_back(one);
  return kept;
}

bool is_entry(const KeyValue& one) { return !one.list.empty(); }

/// Whether `key` is a key of the entry `entry`.
bool is_inside(const std::string& key, const std::string& entry) {
  return key.size() > entry.size() && key.starts_with(entry) &&
         (key[entry.size()] == '.' || key[entry.size()] == '[');
}

/// Calls `act` for those keys of `all` that `others` lack, but not for the keys of an entry that
/// they lack as a whole.
template <typename Act>
void for_each_missing(const std::vector<KeyValue>& all, const ByKey& others, Act act) {
  const std::string* entry = nullptr;
  for (const auto& one : all) {
    if (others.contains(one.key) || (entry != nullptr && is_inside(one.key, *entry))) continue;
    if (is_entry(one)) entry = &one.key;
    act(one);
  }
}

using Orders = std::map<std::string_view, std::vector<const KeyValue*>>;

/// The entries of each list that both have, in their order. Entries of an object are in no order.
Orders orders(const std::vector<KeyValue>& all, const ByKey& others) {
  Orders found;
  for (const auto& one : all)
    if (is_entry(one) && !one.row.ends_with(".NAME") && others.contains(one.key))
      found[one.list].push_back(&one);
  return found;
}

bool same_order(const std::vector<const KeyValue*>& one,
                const std::vector<const KeyValue*>& other) {
  return std::equal(one.begin(), one.end(), other.begin(), other.end(),
                    [](const auto* left, const auto* right) { return left->key == right->key; });
}

std::string text_value(std::string_view value) {
  if (value.empty()) return "\"\"";
  if (value.size() <= longest_value) return printable(value);
  return printable(value.substr(0, longest_value)) + "…";
}

}  // namespace

std::vector<Difference> differences(const std::vector<KeyValue>& all_before,
                                    const std::vector<KeyValue>& all_after) {
  const auto before = distinct(all_before), after = distinct(all_after);
  const auto had = index_of_keys(before), has = index_of_keys(after);
  std::vector<Difference> found;
  const auto tell = [&](Kind kind, const KeyValue& one, const std::string& value_before,
                        const std::string& value_after) {
    found.push_back(
        {kind, is_entry(one) ? one.list : one.key, one.row, value_before, value_after, one.secret});
  };
  for (const auto& one : after) {
    const auto earlier = had.find(one.key);
    if (earlier != had.end() && earlier->second->value != one.value)
      tell(Kind::changed, one, earlier->second->value, one.value);
  }
  for_each_missing(after, had, [&](const KeyValue& one) {
    tell(is_entry(one) ? Kind::added : Kind::changed, one, is_entry(one) ? one.value : absent,
         one.value);
  });
  for_each_missing(before, has, [&](const KeyValue& one) {
    tell(is_entry(one) ? Kind::removed : Kind::changed, one, one.value,
         is_entry(one) ? one.value : absent);
  });
  const auto order_before = orders(before, has);
  for (const auto& [list, order] : orders(after, had))
    if (!same_order(order_before.at(list), order)) tell(Kind::moved, *order.front(), {}, {});
  return found;
}

std::string text_of(const Difference& difference) {
  const std::string key = text_value(difference.key);
  switch (difference.kind) {
    case Kind::added:
      return key + ": " + text_value(difference.after) + " added";
    case Kind::removed:
      return key + ": " + text_value(difference.before) + " removed";
    case Kind::moved:
      return key + ": another order";
    case Kind::changed:
      break;
  }
  if (difference.secret) return key + ": changed";
  return key + ": " + text_value(difference.before) + " -> " + text_value(difference.after);
}

}  // namespace entrepot::conf
