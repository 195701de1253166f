// SPDX-License-Identifier: Apache-2.0
#include "cache/store/tag_table.h"

#include <utility>

#include "cache/index/layout.h"
#include "metrics/mutex.h"

namespace entrepot::cache {
namespace {

constexpr std::size_t tags_in_memory = 50'000;

}  // namespace

TagTable::TagTable(const Options& options)
    : states_(tags_in_memory),
      tags_(tags_in_memory),
      unconfigured_(std::make_shared<const TagFreshness>(TagPolicy())) {
  set_freshness(options);
}

void TagTable::put(RepositoryRef repository, std::string_view tag, const StatePtr& state) {
  states_.put(tag_key(repository, tag), state);
  tags_.put(link_key(repository, state->record.digest), std::string(tag));
}

std::optional<std::string> TagTable::tag_of(RepositoryRef repository, const Digest& digest) const {
  auto tag = tags_.find(link_key(repository, digest));
  if (!tag) return std::nullopt;
  const auto state = find(tag_key(repository, *tag));
  if (!state || state->record.digest != digest) return std::nullopt;  // it was moved or removed
  return tag;
}

std::shared_ptr<const TagFreshness> TagTable::freshness(std::string_view upstream) const {
  const ReaderLock lock(mutex_);
  const auto found = freshness_.find(upstream);
  return found == freshness_.end() ? unconfigured_ : found->second;
}

TagTable::StatePtr TagTable::state(RepositoryRef repository, std::string_view tag,
                                   TagRecord record) const {
  return std::make_shared<const TagState>(
      TagState{std::move(record), freshness(repository.upstream)->fresh_for(tag)});
}

void TagTable::set_freshness(const Options& options) {
  const WriterLock lock(mutex_);
  freshness_.clear();
  for (const auto& [name, policy] : options.upstreams)
    freshness_[name] = std::make_shared<const TagFreshness>(policy.tags);
}

}  // namespace entrepot::cache
