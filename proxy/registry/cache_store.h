// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cache/cache.h"
#include "proxy/registry/store.h"

namespace entrepot::registry {

/// The Store of the running process: forwards to a cache, which outlives it.
class CacheStore final : public Store {
 public:
  explicit CacheStore(cache::Cache& cache) : cache_(cache) {}

  std::optional<cache::Answer> find_blob(cache::RepositoryRef repository,
                                         const cache::Digest& digest, bool ranged) const override;
  std::optional<cache::Answer> find_manifest(cache::RepositoryRef repository,
                                             const cache::Digest& digest) const override;
  std::optional<cache::Answer> find_tag(cache::RepositoryRef repository,
                                        std::string_view tag) const override;
  void fetch_blob(cache::Repository repository, const cache::Digest& digest, bool head,
                  cache::Asker asker, cache::AnswerCallback done, cache::Wanted wanted) override;
  void fetch_manifest(cache::Repository repository, const cache::Digest& digest, bool head,
                      cache::Asker asker, cache::AnswerCallback done) override;
  void fetch_tag(cache::Repository repository, std::string tag, bool head, bool revalidate,
                 cache::Asker asker, cache::AnswerCallback done) override;
  void fetch_tags(cache::Repository repository, cache::Asker asker,
                  cache::ListingCallback done) override;
  void fetch_referrers(cache::Repository repository, const cache::Digest& subject,
                       cache::Asker asker, cache::ListingCallback done) override;

 private:
  cache::Cache& cache_;
};

}  // namespace entrepot::registry
