// SPDX-License-Identifier: Apache-2.0
// The upstream as the cache sees it. proxy/upstream implements it with libcurl; tests script it.
// One Source belongs to one fetch loop: every call and every callback happens on that loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "cache/client.h"
#include "cache/demand.h"
#include "cache/digest.h"
#include "cache/failure.h"
#include "cache/listing.h"

namespace entrepot::cache {

enum class Resource { manifest, blob };

/// What to ask the upstream for. Names come from the configuration (upstream) or have passed the
/// name grammar (repository, reference).
struct FetchRequest {
  std::string upstream;    ///< configured name, "docker.io"
  std::string repository;  ///< "library/alpine"
  Resource resource = Resource::blob;
  std::string reference;  ///< a digest, "sha256:…"; for manifests also a tag
  bool head = false;      ///< HEAD: on_head and on_done only
  /// First byte wanted; > 0 sends `Range: bytes=offset-` (and so does `end`). Whether that was
  /// heard is for FetchHead::from_beginning to say.
  std::uint64_t offset = 0;
  /// An object larger than this ends in bad_upstream.
  std::uint64_t max_size = 0;
  /// Blobs: one past the last byte wanted, > offset; sends `Range: bytes=offset-(end - 1)`. Where
  /// the object is shorter, it ends with the object.
  std::optional<std::uint64_t> end = std::nullopt;
  /// The object's size, where a part of it has been had already: an answer that tells another is
  /// not taken, and what fails is tried as patiently as when a body breaks.
  std::optional<std::uint64_t> size = std::nullopt;
  /// After a mismatch: it leaves an endpoint only where that breaks, so that it is clear whose
  /// bytes they are.
  bool one_endpoint = false;
  /// With `head`: where an endpoint refuses HEAD, the object itself is taken
  /// (FetchHead::with_body). Without it, what HEAD would tell comes from a GET of one byte there.
  bool or_get = false;
  /// A rate limit of which nobody has said how long it lasts is waited for, while somebody waits.
  /// False where there is another answer.
  bool patient = true;
  /// Of whom it is asked for (Asker::via).
  std::string via = {};
  /// Of a manifest: what is acceptable besides the usual types (Asker::accept).
  std::string accept = {};
  /// Whose turn it is (Asker::client).
  Client client = Client::nobody;
  /// Outlives the fetch. Null: somebody waits for it throughout.
  const Demand* demand = nullptr;
};

/// On whose behalf a list is asked for: as in FetchRequest.
struct Behalf {
  std::string via = {};
  Client client = Client::nobody;
  const Demand* demand = nullptr;
  bool patient = true;
};

/// What the upstream said before the body.
struct FetchHead {
  /// Whole size of the object (Content-Length, or the total of Content-Range); absent when the
  /// upstream did not say (chunked).
  std::optional<std::uint64_t> size;
  /// Content-Type without parameters, grammar-checked; empty when absent or not usable.
  std::string media_type;
  /// Docker-Content-Digest where it parses: a hint, never a proof.
  std::optional<Digest> digest;
  /// The endpoint that answered, as in the `endpoint` label of the metrics.
  std::string endpoint;
  /// The range asked for was ignored: the body begins with the object.
  bool from_beginning = false;
  /// The answer to a HEAD that is a GET's: the object comes with it, by on_data.
  bool with_body = false;
  /// It is another mirror's, nearby, which brings it here as fast as it can itself: it would not
  /// come faster over several transfers.
  bool near_mirror = false;
};

/// Takes what a fetch brings. Every method is called on the fetch loop, in the order on_head,
/// on_data…, on_done, never after the Fetch is destroyed. A method may destroy its Fetch.
class FetchSink {
 public:
  virtual ~FetchSink() = default;

  /// Once, for an answer that will be used (2xx). Not called again after an internal resume.
  virtual void on_head(const FetchHead& head) = 0;

  /// Bytes [offset, offset + data.size()) of the object, in rising order and without holes. After a
  /// resume whose upstream ignored the range, bytes already delivered come again: the sink compares
  /// them and may refuse. The span is valid during the call only.
  /// Returns false to refuse: the fetch ends with on_done(bad_upstream).
  virtual bool on_data(std::uint64_t offset, std::span<const std::byte> data) = 0;

  /// After on_head: what comes now is from another endpoint.
  virtual void on_endpoint(const std::string& endpoint) { static_cast<void>(endpoint); }

  /// Once. nullopt: all that was asked for was delivered (for HEAD: the head was).
  virtual void on_done(const std::optional<Failure>& failure) = 0;
};

/// A running fetch. Destroying it cancels it without a further callback.
class Fetch {
 public:
  virtual ~Fetch() = default;
  /// True: on_data is not called again, but for what is on its way, until hold(false), and the
  /// upstream is slowed down. The hold ends with the connection: a resume delivers again. Not to be
  /// called with false from within the sink.
  virtual void hold(bool on) { static_cast<void>(on); }
  /// `client` waits for it as well: while it waits for its turn, it takes that of the client who
  /// comes sooner.
  virtual void wanted_by(Client client) { static_cast<void>(client); }
};

/// The entries of tags/list or the descriptors of referrers, all pages joined.
struct Listing {
  /// tags: the tag names (grammar-checked), each followed by '\n', as the upstream sent them.
  std::string tags;
  /// referrers: the descriptors, as the upstream sent them.
  Referrers::Gathered referrers;
};

/// Takes the outcome of a listing; the rules of FetchSink hold.
class ListingSink {
 public:
  virtual ~ListingSink() = default;
  /// Once: a listing, or why there is none.
  virtual void on_listing(std::optional<Listing> listing, const Failure& failure) = 0;
};

class Source {
 public:
  virtual ~Source() = default;

  /// Starts asking. Authentication, redirects, retries, the choice of endpoint and the resume of a
  /// broken body (U2–U5 of the fault list) happen inside; one fetch is one logical transfer.
  /// Never calls the sink before it has returned. `sink` outlives the returned Fetch.
  [[nodiscard]] virtual std::unique_ptr<Fetch> fetch(FetchRequest request, FetchSink& sink) = 0;

  /// All tags of a repository (follows Link by its query alone; pages and bytes are capped).
  [[nodiscard]] virtual std::unique_ptr<Fetch> list_tags(std::string upstream,
                                                         std::string repository, Behalf behalf,
                                                         ListingSink& sink) = 0;

  /// All referrers of a digest, unfiltered; where the upstream lacks the API, what the referrers
  /// tag schema says (distribution-spec, "Backwards Compatibility").
  [[nodiscard]] virtual std::unique_ptr<Fetch> list_referrers(std::string upstream,
                                                              std::string repository,
                                                              const Digest& subject, Behalf behalf,
                                                              ListingSink& sink) = 0;

  /// Tells that what `endpoint` delivered did not have the digest it was asked by: counts it in
  /// entrepot_digest_mismatches_total and marks the endpoint suspect. Empty: several delivered
  /// parts of it, and nobody is marked.
  virtual void report_mismatch(const std::string& upstream, const std::string& endpoint,
                               const Digest& digest) = 0;

  /// The upstream's rate limit (`ratelimit-remaining`) leaves few requests: it is asked with HEAD
  /// where that tells enough, and not in the background.
  virtual bool scarce(const std::string& upstream) const = 0;

  /// Somebody waits for a transfer of the upstream that cannot begin before another ends.
  virtual bool crowded(const std::string& upstream) const = 0;
};

}  // namespace entrepot::cache
