// SPDX-License-Identifier: Apache-2.0
#include "proxy/registry/cache_store.h"

#include <utility>

namespace entrepot::registry {

std::optional<cache::Answer> CacheStore::find_blob(cache::RepositoryRef repository,
                                                   const cache::Digest& digest, bool ranged) const {
  return cache_.find_blob(repository, digest, ranged);
}

std::optional<cache::Answer> CacheStore::find_manifest(cache::RepositoryRef repository,
                                                       const cache::Digest& digest) const {
  return cache_.find_manifest(repository, digest);
}

std::optional<cache::Answer> CacheStore::find_tag(cache::RepositoryRef repository,
                                                  std::string_view tag) const {
  return cache_.find_tag(repository, tag);
}

void CacheStore::fetch_blob(cache::Repository repository, const cache::Digest& digest, bool head,
                            cache::Asker asker, cache::AnswerCallback done, cache::Wanted wanted) {
  cache_.fetch_blob(std::move(repository), digest, head, std::move(asker), std::move(done),
                    std::move(wanted));
}

void CacheStore::fetch_manifest(cache::Repository repository, const cache::Digest& digest,
                                bool head, cache::Asker asker, cache::AnswerCallback done) {
  cache_.fetch_manifest(std::move(repository), digest, head, std::move(asker), std::move(done));
}

void CacheStore::fetch_tag(cache::Repository repository, std::string tag, bool head,
                           bool revalidate, cache::Asker asker, cache::AnswerCallback done) {
  cache_.fetch_tag(std::move(repository), std::move(tag), head, revalidate, std::move(asker),
                   std::move(done));
}

void CacheStore::fetch_tags(cache::Repository repository, cache::Asker asker,
                            cache::ListingCallback done) {
  cache_.fetch_tags(std::move(repository), std::move(asker), std::move(done));
}

void CacheStore::fetch_referrers(cache::Repository repository, const cache::Digest& subject,
                                 cache::Asker asker, cache::ListingCallback done) {
  cache_.fetch_referrers(std::move(repository), subject, std::move(asker), std::move(done));
}

}  // namespace entrepot::registry
