// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "cache/api/requests.h"
#include "cache/api/source.h"
#include "cache/store/environment.h"
#include "cache/store/link_table.h"

namespace entrepot::cache {

/// Requests by HEAD whether a repository contains a digest: before stored content is served for a
/// repository without a link to it, and for a client's HEAD of content that is not stored. Home
/// thread only.
class LinkProof : public FetchSink, public Demand, public std::enable_shared_from_this<LinkProof> {
 public:
  /// The table of proofs of one home loop.
  class Owner {
   public:
    virtual ~Owner() = default;
    /// The proof has ended.
    virtual void unlist(const LinkProof& proof) = 0;
    /// The repository has the object, which `head` describes.
    virtual void proven(const FetchHead& head, std::vector<ObjectRequest> waiting) = 0;
    /// As Fill::Owner::failed().
    virtual void proof_failed(const Repository& asked, Resource resource, const Digest& digest,
                              const SentAs& sent, std::vector<ObjectRequest> waiting,
                              const Failure& failure) = 0;
  };

  /// All but `first` outlive this.
  LinkProof(const Environment& environment, LinkTable& links, Source& source, Owner& owner,
            const ObjectRequest& first);
  ~LinkProof() override;

  /// `stored_type`: the media type of the object if it is stored, else empty.
  void start(std::string_view stored_type);
  void join(ObjectRequest request);
  void abandon(const Failure& failure);

  const Repository& repository() const { return repository_; }
  Resource resource() const { return resource_; }
  const Digest& digest() const { return digest_; }

  Level level() const override { return any_awaited(waiting_) ? Level::awaited : Level::nobody; }

  void on_head(const FetchHead& head) override { head_ = head; }
  bool on_data(std::uint64_t, std::span<const std::byte>) override { return false; }
  void on_done(const std::optional<Failure>& failure) override;

 private:
  const Environment& environment_;
  LinkTable& links_;
  Source& source_;
  Owner& owner_;
  const Resource resource_;
  const Repository repository_;
  const Digest digest_;
  const SentAs sent_;
  const Client client_;
  const bool had_link_;
  const std::shared_ptr<FetchRecord> record_ = std::make_shared<FetchRecord>();
  std::unique_ptr<Fetch> fetch_;
  FetchHead head_;
  std::vector<ObjectRequest> waiting_;
};

}  // namespace entrepot::cache
