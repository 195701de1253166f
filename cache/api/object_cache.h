// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "cache/api/answer.h"
#include "cache/api/requested_ranges.h"
#include "cache/api/requester.h"
#include "cache/base/client.h"
#include "cache/base/digest.h"

namespace entrepot::cache {

/// How a client uses a blob that it requests.
struct BlobUse {
  /// It requests a part, which does not count as a separate use each time (ranged_uses.h).
  bool ranged = false;
  /// The client if it will receive the whole blob, else nobody (repeated_reads.h).
  Client reader = Client::nobody;
};

/// The requests that a cache answers. Implemented by Cache (cache/cache.h); tests use a fake.
///
/// A request has two stages. `find_*` answers from memory or returns nullopt; it never blocks, and
/// a hit needs nothing else. `fetch_*` moves the request to the home loop of its key. The home
/// answers from disk, joins a running fetch or starts one, and posts the answer back. Callers call
/// `find_*` first and `fetch_*` on nullopt. An object that is stored in between is found, because
/// the home looks again.
class ObjectCache {
 public:
  virtual ~ObjectCache() = default;

  // Answers from memory. Any thread; never blocks. nullopt: use fetch_*.
  virtual std::optional<Answer> find_blob(RepositoryRef repository, const Digest& digest,
                                          BlobUse use) const = 0;
  virtual std::optional<Answer> find_manifest(RepositoryRef repository,
                                              const Digest& digest) const = 0;
  /// Also returns nullopt for a tag that is due.
  virtual std::optional<Answer> find_tag(RepositoryRef repository, std::string_view tag) const = 0;

  // Answers from disk or from the upstream. Any thread. `done` is posted to `requester` exactly
  // once.
  /// `head`: the client wants no body, so an absent object is requested with HEAD and not stored.
  /// `ranges`: the requested parts; only these are fetched.
  virtual void fetch_blob(Repository repository, const Digest& digest, bool head,
                          Requester requester, AnswerCallback done, RequestedRanges ranges) = 0;
  virtual void fetch_manifest(Repository repository, const Digest& digest, bool head,
                              Requester requester, AnswerCallback done) = 0;
  /// `revalidate`: the client requested validation with the upstream (Cache-Control: no-cache).
  virtual void fetch_tag(Repository repository, std::string tag, bool head, bool revalidate,
                         Requester requester, AnswerCallback done) = 0;
  virtual void fetch_tags(Repository repository, Requester requester, ListingCallback done) = 0;
  virtual void fetch_referrers(Repository repository, const Digest& subject, Requester requester,
                               ListingCallback done) = 0;

  /// A client has received a whole blob in one reply. Any thread; never blocks.
  struct Delivery {
    Client client;
    std::uint64_t size;
    bool verified;  ///< while the bytes arrived from an upstream
  };
  virtual void delivered(const Digest& digest, const Delivery& delivery) = 0;
};

}  // namespace entrepot::cache
