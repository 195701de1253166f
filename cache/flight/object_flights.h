// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "cache/api/requests.h"
#include "cache/api/source.h"
#include "cache/fill/fill.h"
#include "cache/flight/link_proof.h"
#include "cache/flight/negative_table.h"
#include "cache/flight/tag_fallback.h"
#include "cache/store/file_hasher.h"

namespace entrepot::cache {

/// Handles the requests by digest of one home loop: answers them from the store, joins them to
/// running flights, or starts a flight. Home thread only. One turn of that thread looks for stored
/// content and lists the flight, so that "one upstream transfer per digest" holds without a lock.
///
/// The decision, after a look-up in memory and, if necessary, in RocksDB ("retry" repeats it):
///
///                      | repository linked | not linked, fill runs for it | not linked
///   stored             | answer            | –                            | link proof, retry
///   stored, doubtful   | check, retry      | –                            | link proof, retry
///   fill in flight     | join              | join                         | link proof, retry
///   partial blob,
///     request of ranges | start a fill     | –                            | link proof, retry
///   absent, GET        | start a fill      | –                            | start a fill
///   absent, HEAD       | HEAD upstream     | –                            | HEAD upstream
class ObjectFlights final : public Fill::Owner, public LinkProof::Owner {
 public:
  /// `context`, `home` and `source` outlive this.
  ObjectFlights(const FillContext& context, Executor& home, Source& source, TagFallback by_tag);
  ~ObjectFlights() override;

  void fetch(ObjectRequest request) override;
  /// Ends every flight with `failure`.
  void abandon_all(const Failure& failure);

  // Fill::Owner and LinkProof::Owner.
  void unlist(const Fill& fill) override;
  void unlist(const LinkProof& proof) override;
  void failed(const Repository& asked, Resource resource, const Digest& digest, const SentAs& sent,
              std::vector<ObjectRequest> waiting, const Failure& failure) override;
  void proven(const FetchHead& head, std::vector<ObjectRequest> waiting) override;
  void proof_failed(const Repository& asked, Resource resource, const Digest& digest,
                    const SentAs& sent, std::vector<ObjectRequest> waiting,
                    const Failure& failure) override;

 private:
  /// The result of a look-up on disk.
  struct Looked {
    std::optional<LinkRecord> link;
    std::optional<LinkRecord> by_manifest;  ///< if `link` is empty and the object is stored
    BlobStore::Loaded object;
  };
  /// A stored blob that is compared with its digest before it is served.
  struct Check {
    ContentPtr content;
    std::shared_ptr<FileHasher> hasher;
    std::vector<ObjectRequest> waiting;
  };
  /// A digest has several fills if the content of one upstream is not open to another
  /// (FillSubject::open_to).
  using Fills = std::unordered_multimap<Digest, std::shared_ptr<Fill>>;

  Fills& fills(Resource resource) {
    return resource == Resource::manifest ? manifest_fills_ : blob_fills_;
  }
  /// The fill that the request can join, or null.
  std::shared_ptr<Fill> find_fill(const ObjectRequest& request);
  bool linked(const ObjectRequest& request) const;
  /// The stored content that may be served to the request if its repository is linked, or null.
  ContentPtr stored_for(const ObjectRequest& request) const;
  bool answer_from_memory(const ObjectRequest& request);
  void look_on_disk(ObjectRequest request);
  void note(const ObjectRequest& request, const Looked& looked);
  void decide(ObjectRequest request, const Looked& looked);
  static void turn_away(const ObjectRequest& request);
  void check(ObjectRequest request, const ContentPtr& content);
  void checked(const Digest& digest, const std::optional<Digest>& actual);
  void start_fill(ObjectRequest request);
  void prove(ObjectRequest request);
  void answer_stored(const ObjectRequest& request, const ContentPtr& content,
                     bool from_disk = false);
  void remember_failure(const Repository& asked, Resource resource, const Digest& digest,
                        const SentAs& sent, const Failure& failure, Client client);

  const FillContext& context_;
  Executor& home_;
  Source& source_;
  const TagFallback by_tag_;
  Fills blob_fills_;
  Fills manifest_fills_;
  /// Fills that still have readers and accept no further request (Fill::joinable).
  std::unordered_set<std::shared_ptr<Fill>> closed_fills_;
  std::unordered_map<std::string, std::shared_ptr<LinkProof>> proofs_;
  std::unordered_map<Digest, Check> checks_;
  NegativeTable negative_;
  /// Look-ups on disk hold a weak reference, so that a result after the end is dropped.
  std::shared_ptr<ObjectFlights*> self_;
};

}  // namespace entrepot::cache
