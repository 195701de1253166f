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
#include "cache/fill/file_hasher.h"
#include "cache/fill/fill.h"
#include "cache/flight/link_proof.h"
#include "cache/flight/negative_table.h"

namespace entrepot::cache {

/// Requests by digest whose home is here: answers from the store, joins them to flights, starts
/// flights. Its home's thread only; that presence is asked and a flight listed in one turn of that
/// thread is what makes "one upstream transfer per digest" hold without locks.
///
/// What a request comes to, once memory and (if need be) RocksDB were asked:
///
///                      | repository linked | not linked, fill runs for it | not linked
///   stored             | answer            | –                            | link proof, then anew
///   stored, doubtful   | check, then anew  | –                            | link proof, then anew
///   fill in flight     | join              | join                         | link proof, then anew
///   pieces were left,
///     pieces asked for | start a fill      | –                            | link proof, then anew
///   neither, GET       | start a fill      | –                            | start a fill
///   neither, HEAD      | HEAD upstream     | –                            | HEAD upstream
class ObjectFlights final : public Fill::Owner, public LinkProof::Owner {
 public:
  /// `context`, `home` and `source` outlive this.
  ObjectFlights(const FillContext& context, Executor& home, Source& source);
  ~ObjectFlights() override;

  void fetch(ObjectRequest request) override;
  /// Ends every flight with `failure`.
  void abandon_all(const Failure& failure);

  // Fill::Owner and LinkProof::Owner.
  void unlist(const Fill& fill) override;
  void unlist(const LinkProof& proof) override;
  void failed(const Repository& asked, Resource resource, const Digest& digest,
              const std::string& via, std::vector<ObjectRequest> waiting,
              const Failure& failure) override;
  void proven(const FetchHead& head, std::vector<ObjectRequest> waiting) override;
  void proof_failed(const Repository& asked, Resource resource, const Digest& digest,
                    const std::string& via, std::vector<ObjectRequest> waiting,
                    const Failure& failure) override;

 private:
  /// What the disk knows.
  struct Looked {
    std::optional<LinkRecord> link;
    std::optional<LinkRecord> by_manifest;  ///< where there is none, and the object is stored
    BlobStore::Loaded object;
  };
  /// A stored blob that is compared with its digest before anybody gets it.
  struct Check {
    ContentPtr content;
    std::shared_ptr<FileHasher> hasher;
    std::vector<ObjectRequest> waiting;
  };
  /// Several of one digest where what one upstream gives is not for another (FillSubject::open_to).
  using Fills = std::unordered_multimap<Digest, std::shared_ptr<Fill>>;

  Fills& fills(Resource resource) {
    return resource == Resource::manifest ? manifest_fills_ : blob_fills_;
  }
  /// The fill that a newcomer can join, or null.
  std::shared_ptr<Fill> find_fill(const ObjectRequest& request);
  bool linked(const ObjectRequest& request) const;
  /// What is stored and may be served to it, provided it is linked.
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
                        const Failure& failure);

  const FillContext& context_;
  Executor& home_;
  Source& source_;
  Fills blob_fills_;
  Fills manifest_fills_;
  /// For those who read them; nobody can join any more (Fill::joinable).
  std::unordered_set<std::shared_ptr<Fill>> closed_fills_;
  std::unordered_map<std::string, std::shared_ptr<LinkProof>> proofs_;
  std::unordered_map<Digest, Check> checks_;
  NegativeTable negative_;
  /// Look-ups on disk hold this; what comes back after the end lapses.
  std::shared_ptr<ObjectFlights*> self_;
};

}  // namespace entrepot::cache
