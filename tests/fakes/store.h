// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cache/api/object_cache.h"

namespace entrepot::fakes {

/// A store with the contents that the test puts in. Keys are "<upstream>/<repository>@<digest>",
/// "…:<tag>", "…/tags" and "…/referrers/<digest>"; blobs and manifests share them.
class Store final : public cache::ObjectCache {
 public:
  /// The objects that find_* finds.
  std::map<std::string, cache::Answer> in_memory;
  /// The answers of fetch_*; not_found for the rest.
  std::map<std::string, cache::Answer> upstream;
  std::map<std::string, cache::ListingAnswer> listings;
  /// Every call of fetch_*: its key, then " head" and " revalidate" where they were set.
  std::vector<std::string> fetched;
  /// With the last call.
  std::string last_via;
  /// With the last call of fetch_blob.
  cache::RequestedRanges last_wanted;
  /// With the last call of find_blob.
  mutable cache::BlobUse last_use;
  /// The calls of delivered(), as "<digest> <size>", and " verified" if it was.
  std::vector<std::string> deliveries;

  std::optional<cache::Answer> find_blob(cache::RepositoryRef repository,
                                         const cache::Digest& digest,
                                         cache::BlobUse use) const override {
    last_use = use;
    return find(key(repository) + "@" + digest.str());
  }
  std::optional<cache::Answer> find_manifest(cache::RepositoryRef repository,
                                             const cache::Digest& digest) const override {
    return find(key(repository) + "@" + digest.str());
  }
  std::optional<cache::Answer> find_tag(cache::RepositoryRef repository,
                                        std::string_view tag) const override {
    return find(key(repository) + ":" + std::string(tag));
  }
  void fetch_blob(cache::Repository repository, const cache::Digest& digest, bool head,
                  cache::Requester asker, cache::AnswerCallback done,
                  cache::RequestedRanges wanted) override {
    last_wanted = std::move(wanted);
    fetch(key(repository) + "@" + digest.str(), head ? " head" : "", asker, std::move(done));
  }
  void fetch_manifest(cache::Repository repository, const cache::Digest& digest, bool head,
                      cache::Requester asker, cache::AnswerCallback done) override {
    fetch(key(repository) + "@" + digest.str(), head ? " head" : "", asker, std::move(done));
  }
  void fetch_tag(cache::Repository repository, std::string tag, bool head, bool revalidate,
                 cache::Requester asker, cache::AnswerCallback done) override {
    fetch(key(repository) + ":" + tag,
          std::string(head ? " head" : "") + (revalidate ? " revalidate" : ""), asker,
          std::move(done));
  }
  void fetch_tags(cache::Repository repository, cache::Requester asker,
                  cache::ListingCallback done) override {
    list(key(repository) + "/tags", asker, std::move(done));
  }
  void fetch_referrers(cache::Repository repository, const cache::Digest& subject,
                       cache::Requester asker, cache::ListingCallback done) override {
    list(key(repository) + "/referrers/" + subject.str(), asker, std::move(done));
  }

  void delivered(const cache::Digest& digest, const Delivery& delivery) override {
    deliveries.push_back(digest.str() + " " + std::to_string(delivery.size) +
                         (delivery.verified ? " verified" : ""));
  }

 private:
  static std::string key(cache::RepositoryRef repository) {
    return std::string(repository.upstream) + "/" + std::string(repository.name);
  }
  static cache::Failure absent() { return {cache::FailureKind::not_found, "not there", 404}; }

  std::optional<cache::Answer> find(const std::string& key) const {
    const auto entry = in_memory.find(key);
    return entry == in_memory.end() ? std::nullopt : std::optional(entry->second);
  }
  void fetch(const std::string& key, const std::string& flags, const cache::Requester& asker,
             cache::AnswerCallback done) {
    fetched.push_back(key + flags);
    last_via = asker.via;
    cache::Answer answer;
    answer.outcome = cache::Outcome::miss;
    answer.reason = cache::AnswerReason::absent;
    answer.failure = absent();
    if (const auto entry = upstream.find(key); entry != upstream.end()) answer = entry->second;
    asker.executor->post([answer, done = std::move(done)] { done(answer); });
  }
  void list(const std::string& key, const cache::Requester& asker, cache::ListingCallback done) {
    fetched.push_back(key);
    last_via = asker.via;
    cache::ListingAnswer answer;
    answer.outcome = cache::Outcome::miss;
    answer.failure = absent();
    if (const auto entry = listings.find(key); entry != listings.end()) answer = entry->second;
    asker.executor->post([answer, done = std::move(done)] { done(answer); });
  }
};

}  // namespace entrepot::fakes
