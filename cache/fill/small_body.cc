// SPDX-License-Identifier: Apache-2.0
#include "cache/fill/small_body.h"

#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "cache/content/manifest_checks.h"
#include "metrics/check.h"

namespace entrepot::cache {

SmallBody::SmallBody(FillSubject& subject, Owner& owner) : subject_(subject), owner_(owner) {}

SmallBody::SmallBody(FillSubject& subject, Owner& owner, const FetchHead& head,
                     std::unique_ptr<Fetch> fetch)
    : subject_(subject), owner_(owner), fetch_(std::move(fetch)), head_(head) {
  body_.reserve(head.size.value_or(0));
}

SmallBody::~SmallBody() {
  // The end of a transfer asks for the demand of others, and so of this body.
  fetch_.reset();
}

void SmallBody::start(bool) { fetch_ = subject_.source.fetch(subject_.request(), subject_.sink); }

void SmallBody::on_head(const FetchHead& head) {
  subject_.note_head(head);
  head_ = head;
  subject_.prove_link();  // the links of its references are as old as its own
  body_.reserve(head.size.value_or(0));
  owner_.opened(nullptr);
}

bool SmallBody::on_data(std::uint64_t offset, std::span<const std::byte> data) {
  if (body_.add(offset, data, subject_.max_size())) return true;
  refusal_ = Failure{FailureKind::bad_upstream, "the upstream's answer is longer than allowed"};
  return false;
}

void SmallBody::on_done(const std::optional<Failure>& failure) {
  fetch_.reset();
  if (refusal_) return owner_.fail(*refusal_, Bytes::discarded);
  if (failure) return owner_.fail(*failure, Bytes::kept);
  check(head_.has_value(), "a head came before the end");
  owner_.proving();
  prove();
}

void SmallBody::client_joined(Client client) {
  if (fetch_) fetch_->wanted_by(client);
}

void SmallBody::prove() {
  const auto& [context, digest] = std::tie(subject_.context, subject_.digest);
  if (subject_.resource == Resource::manifest) {
    return read_manifest(digest.algorithm(), body_.take(), context.environment.store_pool,
                         subject_.home,
                         [this, fill = owner_.shared_from_this()](ParsedManifest read) {
                           manifest_read(std::move(read));
                         });
  }
  if (digest_of(digest.algorithm(), body_.bytes()) != digest) return owner_.mismatch();
  Content content{digest, body_.bytes().size(), {}, nullptr, nullptr, nullptr};
  content.bytes = std::make_shared<const std::string>(body_.take());
  content.origins =
      context.store.origins_with(subject_.repository.upstream, subject_.resource, digest);
  proven(std::make_shared<const Content>(std::move(content)));
}

void SmallBody::manifest_read(ParsedManifest read) {
  const auto& [context, repository, digest] =
      std::tie(subject_.context, subject_.repository, subject_.digest);
  // The digest of a schema 1 manifest is the digest of its signed payload, not of its bytes.
  if (read.payload != digest && read.content->digest != digest) return owner_.mismatch();
  if (const auto failure = check_manifest(read, head_->media_type, digest))
    return owner_.fail(*failure, Bytes::kept);
  read.content->origins =
      context.store.origins_with(repository.upstream, subject_.resource, digest);
  context.links.add_references(repository, *read.content);
  std::set<std::pair<std::string, std::string>> linked;  // repositories of this upstream and others
  for (const auto& request : owner_.waiting()) {
    const auto& [upstream, name] = request.repository;
    if (request.repository != repository && linked.emplace(upstream, name).second)
      context.links.add_references(request.repository, *read.content);
  }
  proven(read.content);
}

void SmallBody::proven(const ContentPtr& content) {
  subject_.context.store.remember(content, subject_.resource);
  owner_.proven(content);
}

bool SmallBody::keep(const ContentPtr& content, Keeper::Done done) {
  if (subject_.resource == Resource::blob) subject_.prove_link();
  if (!subject_.context.environment.rocks.health().accepts_writes()) return false;
  subject_.context.keeper.keep_bytes(subject_.resource, content, subject_.repository.upstream,
                                     subject_.home, std::move(done));
  return true;
}

}  // namespace entrepot::cache
