// SPDX-License-Identifier: Apache-2.0
// The cache's interface to the upstream. proxy/upstream implements it with libcurl; tests script
// it. One Source belongs to one fetch loop: every call and every callback happens on that loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "cache/api/fetch_record.h"
#include "cache/api/listing.h"
#include "cache/base/client.h"
#include "cache/base/demand.h"
#include "cache/base/digest.h"
#include "cache/base/failure.h"

namespace entrepot::cache {

enum class Resource { manifest, blob };

/// A request to the upstream. Names come from the configuration (upstream) or conform to the name
/// grammar (repository, reference).
struct FetchRequest {
  std::string upstream;    ///< configured name, "docker.io"
  std::string repository;  ///< "library/alpine"
  Resource resource = Resource::blob;
  std::string reference;  ///< a digest, "sha256:…"; for manifests also a tag
  bool head = false;      ///< HEAD: on_head and on_done only
  /// First requested byte; > 0, or `end`, sends `Range: bytes=offset-`. FetchHead::from_beginning
  /// reports a server that ignored the range.
  std::uint64_t offset = 0;
  /// A larger object ends the fetch with bad_upstream. Bytes.
  std::uint64_t max_size = 0;
  /// Blobs: one past the last requested byte, > offset; sends `Range: bytes=offset-(end - 1)`. If
  /// the object is shorter, the fetch ends with the object.
  std::optional<std::uint64_t> end = std::nullopt;
  /// The size of the object, if part of it has been received before. A response with another size
  /// is rejected, and failures are retried as patiently as after a broken body.
  std::optional<std::uint64_t> size = std::nullopt;
  /// Used after a digest mismatch: switches the endpoint only if the current one fails, so that the
  /// source of the bytes is known.
  bool one_endpoint = false;
  /// With `head`: if an endpoint rejects HEAD, true fetches the object itself
  /// (FetchHead::with_body); false reads the metadata from a GET of one byte.
  bool or_get = false;
  /// True: while a client waits, the fetch waits out a rate limit of unknown duration. False if
  /// another answer is available.
  bool patient = true;
  /// The Via value of the requester (Requester::via).
  std::string via = {};
  /// For manifests: additional acceptable media types (Requester::accept).
  std::string accept = {};
  /// The client for fair scheduling (Requester::client).
  Client client = Client::nobody;
  /// Must outlive the fetch. Null: a client waits throughout.
  const Demand* demand = nullptr;
  /// Gets what happens to the fetch. Null: nobody reads it.
  std::shared_ptr<FetchRecord> record = nullptr;
  /// Other transfers of the same object deliver meanwhile: the waits of this one are not recorded.
  bool beside_others = false;
};

/// The requester of a listing; members as in FetchRequest.
struct Behalf {
  std::string via = {};
  Client client = Client::nobody;
  const Demand* demand = nullptr;
  bool patient = true;
};

/// Metadata that the upstream sent before the body.
struct FetchHead {
  /// Complete size of the object (Content-Length, or the total of Content-Range); absent if the
  /// upstream did not send it (chunked).
  std::optional<std::uint64_t> size;
  /// Content-Type without parameters, validated; empty if absent or invalid.
  std::string media_type;
  /// Docker-Content-Digest if it parses. A hint, never a proof.
  std::optional<Digest> digest;
  /// The endpoint that answered, as in the `endpoint` label of the metrics.
  std::string endpoint;
  /// The server ignored the range: the body starts at offset 0.
  bool from_beginning = false;
  /// The response to a HEAD came from a GET: the object follows by on_data.
  bool with_body = false;
  /// The endpoint is a nearby mirror that delivers at full speed. Parallel transfers would not be
  /// faster.
  bool near_mirror = false;
};

/// Receives the data of a fetch. All methods are called on the fetch loop, in the order on_head,
/// on_data…, on_done, and never after the Fetch is destroyed. A method may destroy its Fetch.
class FetchSink {
 public:
  virtual ~FetchSink() = default;

  /// Called once, for a successful response (2xx). Not called again after an internal resume.
  virtual void on_head(const FetchHead& head) = 0;

  /// Bytes [offset, offset + data.size()) of the object, in rising order and without gaps. After a
  /// resume whose upstream ignored the range, bytes already delivered are repeated; the sink
  /// compares them and may reject them. The span is valid during the call only. Returns false to
  /// reject: the fetch ends with on_done(bad_upstream).
  virtual bool on_data(std::uint64_t offset, std::span<const std::byte> data) = 0;

  /// Called after on_head: the following data comes from another endpoint.
  virtual void on_endpoint(const std::string& endpoint) { static_cast<void>(endpoint); }

  /// Called once. nullopt: all requested data was delivered (for HEAD: the head was).
  virtual void on_done(const std::optional<Failure>& failure) = 0;
};

/// A running fetch. Destroying it cancels the fetch without a further callback.
class Fetch {
 public:
  virtual ~Fetch() = default;
  /// With true, pauses the upstream. on_data is not called, except for data in transit, until
  /// hold(false). The hold ends with the connection; a resume delivers again. Must not be called
  /// with false from within the sink.
  virtual void hold(bool on) { static_cast<void>(on); }
  /// `client` waits for the data as well. While the fetch is queued, it takes the earlier turn of
  /// its clients.
  virtual void wanted_by(Client client) { static_cast<void>(client); }
};

/// The entries of tags/list or the descriptors of referrers, all pages joined.
struct Listing {
  /// tags: the validated tag names, each followed by '\n', as the upstream sent them.
  std::string tags;
  /// referrers: the descriptors, as the upstream sent them.
  Referrers::Gathered referrers;
};

/// Receives the result of a listing; the rules of FetchSink apply.
class ListingSink {
 public:
  virtual ~ListingSink() = default;
  /// Called once, with a listing or a failure.
  virtual void on_listing(std::optional<Listing> listing, const Failure& failure) = 0;
};

class Source {
 public:
  virtual ~Source() = default;

  /// Starts a fetch. Authentication, redirects, retries, the choice of endpoint and the resume of a
  /// broken body happen inside; one fetch is one logical transfer. Never calls the sink before it
  /// has returned. `sink` must outlive the returned Fetch.
  [[nodiscard]] virtual std::unique_ptr<Fetch> fetch(FetchRequest request, FetchSink& sink) = 0;

  /// Lists all tags of a repository. Follows the query of each Link header; pages and bytes are
  /// bounded.
  [[nodiscard]] virtual std::unique_ptr<Fetch> list_tags(std::string upstream,
                                                         std::string repository, Behalf behalf,
                                                         ListingSink& sink) = 0;

  /// Lists all referrers of a digest, unfiltered. Falls back to the referrers tag schema if the
  /// upstream lacks the API (distribution-spec, "Backwards Compatibility").
  [[nodiscard]] virtual std::unique_ptr<Fetch> list_referrers(std::string upstream,
                                                              std::string repository,
                                                              const Digest& subject, Behalf behalf,
                                                              ListingSink& sink) = 0;

  /// Reports that the bytes delivered by `endpoint` did not have the requested digest. Increments
  /// entrepot_digest_mismatches_total and marks the endpoint as suspect. If `endpoint` is empty,
  /// several endpoints delivered parts and none is marked.
  virtual void report_mismatch(const std::string& upstream, const std::string& endpoint,
                               const Digest& digest) = 0;

  /// True if the upstream's rate limit (`ratelimit-remaining`) permits few more requests. Such an
  /// upstream receives HEAD requests where they suffice, and no background requests.
  virtual bool low_on_quota(const std::string& upstream) const = 0;

  /// True if a client waits for a transfer of the upstream that cannot begin before another ends.
  virtual bool crowded(const std::string& upstream) const = 0;
};

}  // namespace entrepot::cache
