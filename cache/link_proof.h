// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "cache/requests.h"
#include "cache/shared.h"
#include "cache/source.h"

namespace entrepot::cache {

class ObjectFlights;

/// The flight that asks the upstream with HEAD whether a repository holds a digest: before stored
/// content is served in a repository not known to hold it (promise 8), and for a client's HEAD of
/// something not stored. Its home's thread only.
class LinkProof : public FetchSink, public Demand, public std::enable_shared_from_this<LinkProof> {
 public:
  LinkProof(Shared& shared, Source& source, ObjectFlights& flights, const ObjectRequest& first);
  ~LinkProof() override;

  void start();
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
  Shared& shared_;
  Source& source_;
  ObjectFlights& flights_;
  const Resource resource_;
  const Repository repository_;
  const Digest digest_;
  const std::string via_;
  const Client client_;
  const bool had_link_;
  std::unique_ptr<Fetch> fetch_;
  FetchHead head_;
  std::vector<ObjectRequest> waiting_;
};

}  // namespace entrepot::cache
