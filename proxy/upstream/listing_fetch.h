// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "cache/api/source.h"
#include "proxy/upstream/failure_tally.h"
#include "proxy/upstream/listing_pages.h"
#include "proxy/upstream/retry.h"
#include "proxy/upstream/upstream.h"

namespace entrepot::upstream {

/// Fetches tags/list or referrers: chooses the endpoint and the place on it. Loop thread only;
/// destroying it cancels it.
///
///   tags:      tags/list with n=1000 → done
///                └ n is refused → tags/list → done
///   referrers: the API → done
///                └ there is none, or it is refused → the fallback tag → done
///   both:      a first page that one endpoint does not have is requested from the others
///
/// There are no referrers when API and tag are missing at all endpoints; a tag that leads to the
/// subject itself is missing. If an endpoint refuses the API and has no tag, it is unknown whether
/// there are referrers: the refusal is reported.
class ListingFetch : public cache::Fetch, private ListingPagesSink {
 public:
  /// `upstream` and `sink` outlive this. Calls the sink from a later turn only.
  ListingFetch(Upstream& upstream, ListingRequest listing, cache::ListingSink& sink);

  void wanted_by(cache::Client client) override {
    upstream_.loop().assert_in_loop();
    pages_.wanted_by(client);
  }

 private:
  void on_end(PagesResult result) override;

  void begin(Endpoint& endpoint, std::chrono::milliseconds wait = {});
  void turn_to(ListingSource source);
  void failed(const RequestFailure& failure);
  void no_api(const RequestFailure& failure);
  void no_tag(const RequestFailure& failure);
  void lost(const RequestFailure& failure);
  void give_up(const cache::Failure& failure);

  Upstream& upstream_;
  const ListingRequest listing_;
  cache::ListingSink& sink_;

  Endpoint* endpoint_ = nullptr;  ///< one for all pages: another may order them otherwise
  ListingSource source_ = ListingSource::tags;
  /// The failure of the referrers API of this endpoint, which has one.
  std::optional<RequestFailure> api_refused_;
  FailureTally tally_;
  Retry retry_;
  ListingPages pages_;
};

}  // namespace entrepot::upstream
