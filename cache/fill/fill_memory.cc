// SPDX-License-Identifier: Apache-2.0
// A fill whose object is small: nothing is answered before it is proven.
#include <set>
#include <string>
#include <utility>

#include "cache/content/manifest_checks.h"
#include "cache/fill/fill.h"
#include "metrics/check.h"

namespace entrepot::cache {
namespace {

std::string_view as_text(std::span<const std::byte> data) {
  return {reinterpret_cast<const char*>(data.data()), data.size()};
}

}  // namespace

bool Fill::take_in_memory(std::uint64_t offset, std::span<const std::byte> data) {
  // A resume may repeat bytes; in memory the later ones simply replace the earlier.
  check(offset <= bytes_.size(), "fetches leave no holes");
  bytes_.resize(offset);
  bytes_.append(as_text(data));
  if (bytes_.size() <= max_size()) return true;
  refusal_ = Failure{FailureKind::bad_upstream, "the upstream's answer is longer than allowed"};
  return false;
}

void Fill::prove_in_memory() {
  if (resource_ == Resource::manifest) {
    return read_manifest(
        digest_.algorithm(), std::exchange(bytes_, {}), context_.environment.store_pool, home_,
        [self = shared_from_this()](ParsedManifest read) { self->manifest_read(std::move(read)); });
  }
  if (digest_of(digest_.algorithm(), bytes_) != digest_) return mismatch();
  Content content{digest_, bytes_.size(), {}, nullptr, nullptr, nullptr};
  content.bytes = std::make_shared<const std::string>(std::exchange(bytes_, {}));
  content.origins = context_.store.origins_with(repository_.upstream, resource_, digest_);
  content_ = std::make_shared<const Content>(std::move(content));
  proven_in_memory();
}

void Fill::manifest_read(ParsedManifest read) {
  // The digest of a schema 1 manifest is that of its signed payload: not of the bytes.
  if (read.payload != digest_ && read.content->digest != digest_) return mismatch();
  if (const auto failure = check_manifest(read, head_.media_type, digest_)) return fail(*failure);
  read.content->origins = context_.store.origins_with(repository_.upstream, resource_, digest_);
  content_ = read.content;
  context_.links.add_references(repository_, *content_);
  std::set<std::pair<std::string, std::string>> linked;  // repositories of this upstream and others
  for (const auto& request : waiting_) {
    const auto& [upstream, name] = request.repository;
    if (request.repository != repository_ && linked.emplace(upstream, name).second)
      context_.links.add_references(request.repository, *content_);
  }
  proven_in_memory();
}

void Fill::proven_in_memory() {
  context_.store.remember(content_, resource_);
  answer_waiters();
  proven_ = true;
  keep_in_memory();
}

void Fill::keep_in_memory() {
  if (!context_.environment.rocks.accepts_writes()) return stored(false, false);
  context_.keeper.keep_bytes(resource_, content_, repository_.upstream, home_, when_stored());
}

Keeper::Done Fill::when_stored() {
  return [self = shared_from_this()](bool kept, bool is_inline) { self->stored(kept, is_inline); };
}

}  // namespace entrepot::cache
