// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_set>

#include "cache/api/source.h"
#include "proxy/upstream/endpoint_request.h"
#include "proxy/upstream/transfer/timer.h"
#include "proxy/upstream/upstream.h"

namespace entrepot::upstream {

/// The list to fetch, and the client that it is for.
struct ListingRequest {
  std::string repository;
  std::optional<cache::Digest> subject;  ///< whose referrers; nullopt: the tags of the repository
  cache::Behalf behalf;
};

/// The place of a list at a registry (distribution-spec, "Listing Tags", "Listing Referrers",
/// "Referrers Tag Schema").
enum class ListingSource : std::uint8_t {
  tags,           ///< tags/list, in pages of 1000
  tags_unsized,   ///< tags/list, in pages of the registry's size
  referrers,      ///< the referrers API
  referrers_tag,  ///< the manifest under the subject's fallback tag
};

/// How a begin() or resume() of ListingPages ended.
struct PagesResult {
  enum class Kind : std::uint8_t {
    complete,  ///< all pages were read: see `listing`
    no_list,   ///< the response to a request for referrers is no list of them
    failed,    ///< the page, or the way to the next one, is missing: see `failure`
  };
  Kind kind = Kind::complete;
  cache::Listing listing = {};
  RequestFailure failure = {};
};

/// Receives the result of ListingPages.
class ListingPagesSink {
 public:
  virtual ~ListingPagesSink() = default;
  /// Once for each begin() and resume(), from a later turn. May destroy the pages.
  virtual void on_end(PagesResult result) = 0;
};

/// The pages of one list from one endpoint, requested one after the other at one URL: only the
/// query of a Link counts. Loop thread only; destroying it cancels it.
///
///   begin → page → next page … → complete
///             └→ failed → resume → the same page again
///
/// The last page is the one without a Link, or without news: with no entry, with the entries of
/// another page, or with the URL of another page as its next. So a list costs few requests:
/// Limits::listing_pages at most, and fewer when the pages hold little. A page above 64 KiB is read
/// off the loop (Options::read_off_loop).
class ListingPages : private RequestSink {
 public:
  /// All outlive this.
  ListingPages(Upstream& upstream, const ListingRequest& listing, ListingPagesSink& sink);
  ~ListingPages() override;
  ListingPages(const ListingPages&) = delete;
  ListingPages& operator=(const ListingPages&) = delete;

  /// Requests the first page after `wait`, and forgets all pages read before.
  void begin(Endpoint& endpoint, ListingSource source, std::chrono::milliseconds wait = {});
  /// Requests the page that failed again, after `wait`.
  void resume(std::chrono::milliseconds wait) { timer_.set(wait); }
  /// A page was read.
  bool begun() const { return read_.pages > 0; }
  /// "docker.io: registry-1.docker.io: tags of library/alpine": the beginning of messages.
  std::string what() const;
  /// See cache::Fetch::wanted_by().
  void wanted_by(cache::Client client) {
    if (request_) request_->wanted_by(client);
  }

 private:
  /// The content of the pages before this one.
  struct Read {
    cache::Listing listing;
    std::size_t pages = 0;
    std::size_t entries = 0;
    std::uint64_t bytes = 0;
    std::unordered_set<std::size_t> seen;  ///< hashes of the pages' URLs, and their fingerprints
  };
  struct Reading;

  Disposition on_head(EndpointRequest& request, const ResponseHead& head) override;
  bool on_data(EndpointRequest& request, std::span<const std::byte> data) override;
  void on_end(EndpointRequest& request, RequestResult result) override;

  bool referrers() const { return listing_.subject.has_value(); }
  Url list_url() const;
  void request_page();
  bool reserve();
  void no_list();
  void read_page();
  void page_read(Reading reading);
  void turn_page();
  std::size_t most_pages() const;
  void fail(cache::Failure failure);

  Upstream& upstream_;
  const ListingRequest& listing_;
  ListingPagesSink& sink_;

  Endpoint* endpoint_ = nullptr;
  ListingSource source_ = ListingSource::tags;
  std::optional<Url> url_;           ///< of the current page
  std::optional<std::string> link_;  ///< of the next one, as sent
  std::string page_;                 ///< as far as it has come
  Read read_;
  std::uint64_t reserved_ = 0;               ///< of Upstream::listing_bytes()
  std::optional<cache::Failure> rejection_;  ///< why we stopped taking
  bool no_list_ = false;

  std::unique_ptr<EndpointRequest> request_;
  Timer timer_;  ///< the next page, or the same again
  /// For a page that is being read: whether this is still there.
  const std::shared_ptr<ListingPages*> self_ = std::make_shared<ListingPages*>(this);
};

}  // namespace entrepot::upstream
