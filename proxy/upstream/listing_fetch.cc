// SPDX-License-Identifier: Apache-2.0
// The sink may destroy this in any call: a call to it is the last thing a function does.
#include "proxy/upstream/listing_fetch.h"

#include <utility>

namespace entrepot::upstream {
namespace {

constexpr std::uint64_t usual_page = 16384;  // a guess, for the choice of endpoint

/// Registries have their own largest page size, and refuse a larger one.
bool refuses_page_size(int status) {
  return status == 400 || status == 413 || status == 416 || status == 422;
}

/// distribution-spec, "Referrers Tag Schema", asks for the tag after a 404; registries without the
/// API answer otherwise too.
bool api_is_missing(int status) {
  return status == 404 || status == 400 || status == 405 || status == 406 || status == 410 ||
         status == 501;
}

bool is_missing(const cache::Failure& failure) {
  return failure.kind == cache::FailureKind::not_found;
}

/// The API's path has no referrers API for us: it refuses every request, or redirects to a page of
/// another kind. A failure that may pass, an overload or a rate limit of the registry, does not
/// count.
bool api_is_refused(const RequestFailure& failure) {
  const int status = failure.failure.status;
  const bool refused = status >= 300 && status < 500 && status != 408 && status != 429;
  return refused || (failure.from_redirect && !failure.retryable);
}

}  // namespace

ListingFetch::ListingFetch(Upstream& upstream, ListingRequest listing, cache::ListingSink& sink)
    : upstream_(upstream),
      listing_(std::move(listing)),
      sink_(sink),
      tally_(upstream.endpoints().size()),
      retry_(upstream.limits(), upstream.timeouts(), std::chrono::steady_clock::now(),
             upstream.next_seed()),
      pages_(upstream, listing_, *this) {
  begin(*upstream.choose(usual_page));
}

void ListingFetch::begin(Endpoint& endpoint, std::chrono::milliseconds wait) {
  endpoint_ = &endpoint;
  source_ = listing_.subject ? ListingSource::referrers : ListingSource::tags;
  api_refused_.reset();
  pages_.begin(*endpoint_, source_, wait);
}

void ListingFetch::turn_to(ListingSource source) {
  source_ = source;
  pages_.begin(*endpoint_, source_);
}

void ListingFetch::on_end(PagesResult result) {
  switch (result.kind) {
    case PagesResult::Kind::complete:
      return sink_.on_listing(std::move(result.listing), cache::Failure{});
    case PagesResult::Kind::no_list:
      if (source_ == ListingSource::referrers) return turn_to(ListingSource::referrers_tag);
      return no_tag({.failure = {cache::FailureKind::not_found, pages_.what() + ": no list"},
                     .reason = EndpointFailure::not_found});
    case PagesResult::Kind::failed:
      return failed(result.failure);
  }
}

void ListingFetch::failed(const RequestFailure& failure) {
  const int status = failure.failure.status;
  if (failure.failure.given_up) return give_up(failure.failure);
  if (pages_.begun()) return lost(failure);
  if (source_ == ListingSource::tags && refuses_page_size(status))
    return turn_to(ListingSource::tags_unsized);
  if (source_ == ListingSource::referrers && (api_is_missing(status) || api_is_refused(failure)))
    return no_api(failure);
  if (source_ == ListingSource::referrers_tag && is_missing(failure.failure))
    return no_tag(failure);
  lost(failure);
}

void ListingFetch::no_api(const RequestFailure& failure) {
  if (!api_is_missing(failure.failure.status)) {
    api_refused_ = failure;
    api_refused_->pause.reset();  // a limit elsewhere is not waited for here
  }
  turn_to(ListingSource::referrers_tag);
}

void ListingFetch::no_tag(const RequestFailure& failure) {
  lost(api_refused_ ? *api_refused_ : failure);
}

void ListingFetch::lost(const RequestFailure& failure) {
  tally_.add(*endpoint_, failure);
  const bool begun = pages_.begun();
  Endpoint* const other =
      begun ? nullptr : upstream_.alternative(usual_page, tally_.tried(), Upstream::Only::open);
  if (other != nullptr) return begin(*other);
  if (listing_.subject && is_missing(failure.failure) && is_missing(tally_.failure()))
    return sink_.on_listing(cache::Listing{}, cache::Failure{});  // none, wherever one looks
  const auto& [via, client, demand, patient] = listing_.behalf;
  const bool again = !begun || failure.retryable || failure.pause;
  const auto wait = again ? tally_.round_wait(retry_, patient && cache::is_awaited(demand),
                                              std::chrono::steady_clock::now())
                          : std::nullopt;
  if (!wait) return give_up(tally_.failure());
  tally_.next_round();
  if (begun) return pages_.resume(*wait);
  begin(*upstream_.choose(usual_page, tally_.tried()), *wait);
}

void ListingFetch::give_up(const cache::Failure& failure) {
  sink_.on_listing(std::nullopt, failure);
}

}  // namespace entrepot::upstream
