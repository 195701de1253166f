// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "cache/api/source.h"
#include "cache/base/client.h"
#include "cache/base/demand.h"
#include "cache/base/digest.h"
#include "cache/base/digest_set.h"
#include "cache/base/executor.h"
#include "cache/base/extents.h"
#include "cache/base/origins.h"
#include "cache/base/repository.h"
#include "cache/fill/keeper.h"
#include "cache/fill/rules/parallelism.h"
#include "cache/space/disk_budget.h"
#include "cache/store/blob_files.h"
#include "cache/store/blob_store.h"
#include "cache/store/disk_health.h"
#include "cache/store/environment.h"
#include "cache/store/fill_notes.h"
#include "cache/store/link_table.h"

namespace entrepot::cache {

/// The parts of the cache that fills use. All outlive the fills, and are thread-safe.
struct FillContext {
  const Environment& environment;
  const Origins& origins;
  const BlobFiles& files;
  const FillNotes& notes;
  BlobStore& store;
  LinkTable& links;
  DiskBudget& budget;
  DiskHealth& health;
  Keeper& keeper;
  ExtraTransfers& extra_transfers;
  /// Blobs whose bytes had another digest than requested. Each is fetched over one transfer the
  /// next time, from one endpoint unless that fails, so that the endpoint to blame is known.
  DigestSet& mismatched;
};

/// The object of one fill, the parts of the cache that fetch it, and the facts that the fill has
/// learnt of the upstream. The fill owns it; its body and the parts of the body refer to it. The
/// thread of `home` only.
struct FillSubject {
  const FillContext& context;
  Executor& home;
  Source& source;
  /// Receives the events of the transfers that deliver in order.
  FetchSink& sink;
  const Demand& demand;
  const Resource resource;
  /// In whose name the upstream is asked.
  const Repository repository;
  const Digest digest;
  /// Via and additional media types of the first request.
  const SentAs sent;
  /// The first range of the first request, if the fill begins with ranges and that range does not
  /// depend on the size.
  const std::optional<Span> first_range;
  /// Runs beside a fill of the same digest whose bytes are not for this upstream's clients. It has
  /// no file name of its own, so it passes through.
  const bool apart;

  Client client;                         ///< of the latest request
  bool ranges_ignored = false;           ///< the upstream has answered a range with the whole blob
  bool near_mirror = false;              ///< the latest answer came from a mirror nearby
  std::set<std::string> endpoints = {};  ///< that have delivered bytes
  const std::shared_ptr<FetchRecord> record = std::make_shared<FetchRecord>();
  /// The bound at the beginning: another configuration does not end the fill. Bytes.
  const std::uint64_t max_blob = context.environment.limits.max_blob;

  /// The longest object that is accepted. Bytes.
  std::uint64_t max_size() const {
    return resource == Resource::manifest ? context.environment.options.max_manifest : max_blob;
  }
  /// True if clients of `other` may read the bytes.
  bool open_to(std::string_view other) const {
    return context.origins.open_to(context.origins.of(repository.upstream), other);
  }
  /// A request for all of the object.
  FetchRequest request() const {
    FetchRequest request{repository.upstream, repository.name, resource, digest.str(), false, 0,
                         max_size()};
    request.one_endpoint = context.mismatched.contains(digest);
    request.via = sent.via;
    request.accept = sent.accept;
    request.client = client;
    request.demand = &demand;
    request.record = record;
    return request;
  }
  /// The upstream has answered for this repository, which proves the link. A blob's is added after
  /// its requests are answered: the write occupies a thread of the store pool, and would compete
  /// with the answer for a processor.
  void prove_link() const { context.links.add(repository, digest, LinkRecord::Proof::upstream); }
  /// The upstream has answered.
  void note_head(const FetchHead& head) {
    endpoints.insert(head.endpoint);
    near_mirror = head.near_mirror;
  }
};

}  // namespace entrepot::cache
