// SPDX-License-Identifier: Apache-2.0
#include "cache/index/index_notes.h"

#include <vector>

#include "cache/index/rocks_store.h"

namespace entrepot::cache {

std::optional<std::string> IndexNotes::get(std::string_view name) const {
  return store_.get(meta_family, name);
}

bool IndexNotes::put(std::string_view name, std::string_view value, bool synced) {
  return store_.put(meta_family, name, value, synced);
}

bool IndexNotes::erase(std::string_view name) { return store_.erase(meta_family, name); }

void IndexNotes::erase_all(std::string_view begin) {
  std::vector<std::string> names;
  store_.for_each(meta_family, begin, [&](std::string_view name, std::string_view) {
    if (name.starts_with(begin)) names.emplace_back(name);
    return name.starts_with(begin);
  });
  for (const auto& name : names) erase(name);
}

}  // namespace entrepot::cache
