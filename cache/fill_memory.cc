// SPDX-License-Identifier: Apache-2.0
// A fill whose object is small: nothing is answered before it is proven.
#include <set>
#include <string>
#include <utility>

#include "cache/fill.h"
#include "cache/media_type.h"
#include "cache/schema1.h"
#include "metrics/check.h"
#include "metrics/exception.h"

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
        digest_.algorithm(), std::exchange(bytes_, {}), shared_.store, home_,
        [self = shared_from_this()](const ReadManifest& read) { self->manifest_read(read); });
  }
  if (digest_of(digest_.algorithm(), bytes_) != digest_) return mismatch();
  Content content{digest_, bytes_.size(), {}, nullptr, nullptr, nullptr};
  content.bytes = std::make_shared<const std::string>(std::exchange(bytes_, {}));
  content.origins = shared_.given_by(repository_.upstream, resource_, digest_);
  content_ = std::make_shared<const Content>(std::move(content));
  proven_in_memory(/*keep=*/true);
}

void Fill::manifest_read(const ReadManifest& read) {
  const auto& [manifest, outline, payload] = read;
  if (payload == digest_) return fail(schema1_unsupported());
  if (manifest->digest != digest_) return mismatch();
  if (outline && outline->over_limits) {
    return fail({FailureKind::bad_upstream, "the manifest is nested too deep or names too much"});
  }
  const auto own_type = std::exchange(manifest->media_type, {});
  manifest->media_type = served_type(head_.media_type.empty() ? own_type : head_.media_type);
  // The same bytes under two types are an attack (CVE-2021-41190): passed on, not kept.
  const bool contradicted = is_manifest_type(own_type) && is_manifest_type(head_.media_type) &&
                            own_type != head_.media_type;
  manifest->origins = shared_.given_by(repository_.upstream, resource_, digest_);
  content_ = manifest;
  shared_.link_references(repository_, *content_);
  std::set<std::pair<std::string, std::string>> linked;  // repositories of this upstream and others
  for (const auto& request : waiting_) {
    const auto& [upstream, name] = request.repository;
    if (request.repository != repository_ && linked.emplace(upstream, name).second)
      shared_.link_references(request.repository, *content_);
  }
  proven_in_memory(!contradicted);
}

void Fill::proven_in_memory(bool keep) {
  if (keep) shared_.remember(content_, resource_);
  answer_waiters();
  proven_ = true;
  keep_in_memory(keep);
}

void Fill::keep_in_memory(bool with_record) {
  if (!with_record || !shared_.rocks.takes_writes()) return stored(false, false);
  // Index writes in order; a file first, where it is one.
  shared_.keeping.add(digest_);
  const bool is_file = resource_ == Resource::blob && !shared_.in_index(resource_, content_->size);
  Poster& writer = is_file ? shared_.store : static_cast<Poster&>(shared_.index_writes);
  writer.post([self = shared_from_this()] {
    run_or([&self] { self->write_small(); }, [&self] { self->report_stored(false, false); });
  });
}

/// On the store pool: a small object or a manifest into the index, another into a file.
void Fill::write_small() {
  Shared& shared = shared_;
  const Content& content = *content_;
  if (resource_ == Resource::manifest)
    return report_stored(shared.keep_manifest(content, repository_.upstream), true);
  const auto room = shared.reserve_for(resource_, content.size);
  if (!room) return report_stored(false, false);
  if (shared.in_index(resource_, content.size)) {
    return report_stored(shared.rocks.put_blob(content.digest,
                                               shared.new_record(content.digest, content.size, true,
                                                                 repository_.upstream),
                                               *content.bytes),
                         true);
  }
  if (!shared.files.put(content.digest, std::as_bytes(std::span(*content.bytes)))) {
    return report_stored(false, false);
  }
  note_file();
}

/// On the store pool: the file is there, now its record.
void Fill::note_file() {
  shared_.index_writes.post([self = shared_from_this()] {
    bool kept = false;
    run_then(
        [&] {
          Shared& shared = self->shared_;
          const Content& content = *self->content_;
          kept = shared.rocks.put_blob(
              content.digest,
              shared.new_record(content.digest, content.size, false, self->repository_.upstream));
          if (!kept) shared.files.remove_blob(content.digest);
        },
        [&] { self->report_stored(kept, false); });
  });
}

void Fill::report_stored(bool kept, bool is_inline) {
  home_.post([self = shared_from_this(), kept, is_inline] { self->stored(kept, is_inline); });
}

}  // namespace entrepot::cache
