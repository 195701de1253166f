// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cache/answer.h"
#include "cache/asker.h"
#include "cache/digest.h"
#include "cache/wanted.h"

namespace entrepot::registry {

/// The cache as the handlers see it: cache::Cache behind an interface that tests can script. The
/// contracts of cache/cache.h hold: find_* answers from memory or not at all, on any thread;
/// fetch_* posts its answer to `asker` exactly once.
class Store {
 public:
  virtual ~Store() = default;

  virtual std::optional<cache::Answer> find_blob(cache::RepositoryRef repository,
                                                 const cache::Digest& digest,
                                                 bool ranged) const = 0;
  virtual std::optional<cache::Answer> find_manifest(cache::RepositoryRef repository,
                                                     const cache::Digest& digest) const = 0;
  virtual std::optional<cache::Answer> find_tag(cache::RepositoryRef repository,
                                                std::string_view tag) const = 0;

  virtual void fetch_blob(cache::Repository repository, const cache::Digest& digest, bool head,
                          cache::Asker asker, cache::AnswerCallback done, cache::Wanted wanted) = 0;
  virtual void fetch_manifest(cache::Repository repository, const cache::Digest& digest, bool head,
                              cache::Asker asker, cache::AnswerCallback done) = 0;
  virtual void fetch_tag(cache::Repository repository, std::string tag, bool head, bool revalidate,
                         cache::Asker asker, cache::AnswerCallback done) = 0;
  virtual void fetch_tags(cache::Repository repository, cache::Asker asker,
                          cache::ListingCallback done) = 0;
  virtual void fetch_referrers(cache::Repository repository, const cache::Digest& subject,
                               cache::Asker asker, cache::ListingCallback done) = 0;
};

}  // namespace entrepot::registry
