// SPDX-License-Identifier: Apache-2.0
#include "cache/flight/negative_table.h"

#include <utility>

namespace entrepot::cache {

template <typename Change>
auto NegativeTable::with_keys(Client client, const Change& change) {
  const auto found = keys_.try_emplace(client).first;
  Keys& keys = found->second;
  sizes_.erase({keys.size(), client});
  const auto result = change(keys);
  if (keys.empty())
    keys_.erase(found);
  else
    sizes_.emplace(keys.size(), client);
  return result;
}

void NegativeTable::erase(Entries::iterator entry) {
  with_keys(entry->second.client,
            [&](Keys& keys) { return keys.erase(entry->second.place) == keys.end(); });
  entries_.erase(entry);
}

std::optional<Failure> NegativeTable::find(const std::string& key, SteadyTime now) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return std::nullopt;
  if (found->second.until > now) return found->second.failure;
  erase(found);
  return std::nullopt;
}

void NegativeTable::put(const std::string& key, Client client, Failure failure, SteadyTime until) {
  if (const auto found = entries_.find(key); found != entries_.end()) erase(found);
  if (entries_.size() >= max_entries)
    erase(entries_.find(keys_.at(sizes_.rbegin()->second).front()));
  const auto place = with_keys(client, [&](Keys& keys) { return keys.insert(keys.end(), key); });
  entries_.emplace(key, Entry{std::move(failure), until, client, place});
}

}  // namespace entrepot::cache
