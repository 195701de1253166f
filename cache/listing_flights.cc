// SPDX-License-Identifier: Apache-2.0
#include "cache/listing_flights.h"

#include <algorithm>
#include <utility>

#include "cache/layout.h"

namespace entrepot::cache {
namespace {

std::string key_of(const ListingRequest& request) {
  // A digest has a colon and a tag list no name, so the two cannot meet.
  return tag_key(request.repository, request.subject ? request.subject->str() : "");
}

}  // namespace

/// One list being asked for, and who waits for it.
class ListingFlights::Flight : public ListingSink, public Demand {
 public:
  Flight(Shared& shared, ListingFlights& owner, std::string key)
      : shared_(shared), owner_(owner), key_(std::move(key)) {
    shared_.metrics.flights().add(1);
  }
  ~Flight() override { shared_.metrics.flights().add(-1); }

  void start(Source& source, const ListingRequest& request) {
    const auto& [upstream, name] = request.repository;
    via = request.reply.via();
    Behalf behalf{via, request.reply.client(), this};
    fetch_ = request.subject
                 ? source.list_referrers(upstream, name, *request.subject, std::move(behalf), *this)
                 : source.list_tags(upstream, name, std::move(behalf), *this);
  }
  void join(ListingRequest request) {
    const Client client = request.reply.client();
    add_waiting(waiting, std::move(request));
    fetch_->wanted_by(client);
  }
  Level level() const override { return any_awaited(waiting) ? Level::awaited : Level::nobody; }

  void on_listing(std::optional<Listing> listing, const Failure& failure) override {
    owner_.ended(key_, std::move(listing), failure);
  }

  std::vector<ListingRequest> waiting;
  std::string via;  ///< of the request that brought it about

 private:
  Shared& shared_;
  ListingFlights& owner_;
  const std::string key_;
  std::unique_ptr<Fetch> fetch_;
};

ListingFlights::ListingFlights(Shared& shared, Source& source) : shared_(shared), source_(source) {}

ListingFlights::~ListingFlights() = default;

void ListingFlights::fetch(ListingRequest request) {
  const auto key = key_of(request);
  const auto kept = kept_.find(key);
  if (kept != kept_.end() &&
      shared_.clock.steady() - kept->second.fetched_at <= shared_.options.listing_fresh_for) {
    return request.reply(kept->second.answer);
  }
  if (!request.reply.awaited()) {
    ListingAnswer none;
    none.outcome = Outcome::error;
    none.failure = nobody_waits();
    return request.reply(std::move(none));
  }
  auto& flight = flights_[key];
  const bool starts = !flight;
  if (starts) {
    flight = std::make_shared<Flight>(shared_, *this, key);
    flight->start(source_, request);
  }
  flight->join(std::move(request));
}

void ListingFlights::ended(const std::string& key_in, std::optional<Listing> listing,
                           const Failure& failure) {
  // NOLINTNEXTLINE(performance-unnecessary-copy-initialization): the flight that owns it goes
  const std::string key = key_in;
  const auto flight = std::move(flights_.extract(key).mapped());
  if (listing) return answer(flight->waiting, keep(key, std::move(*listing)));
  auto others = take_others(flight->waiting, flight->via, failure);
  refuse(key, *flight, failure);
  for (auto& request : others) fetch(std::move(request));
}

/// With what was known before, where there is something.
void ListingFlights::refuse(const std::string& key, const Flight& flight, const Failure& failure) {
  const auto kept = kept_.find(key);
  if (kept != kept_.end() && stale_may_cover(failure)) {
    ListingAnswer stale = kept->second.answer;
    stale.outcome = Outcome::stale;
    stale.reason = "upstream-unreachable";
    return answer(flight.waiting, std::move(stale));
  }
  kept_.erase(key);
  ListingAnswer none;
  none.outcome = Outcome::error;
  none.reason = "absent";
  none.failure = failure;
  answer(flight.waiting, std::move(none));
}

ListingAnswer ListingFlights::keep(const std::string& key, Listing listing) {
  auto& tags = listing.tags;
  std::sort(tags.begin(), tags.end());
  tags.erase(std::unique(tags.begin(), tags.end()), tags.end());
  ListingAnswer answer;
  answer.tags = std::make_shared<const std::vector<std::string>>(std::move(tags));
  answer.referrers = std::make_shared<const std::string>(std::move(listing.referrers));
  if (kept_.size() >= max_kept) {
    kept_.erase(std::min_element(kept_.begin(), kept_.end(), [](const auto& a, const auto& b) {
      return a.second.fetched_at < b.second.fetched_at;
    }));
  }
  kept_.insert_or_assign(key, Kept{answer, shared_.clock.steady()});
  answer.outcome = Outcome::miss;
  answer.reason = "absent";
  return answer;
}

void ListingFlights::answer(const std::vector<ListingRequest>& waiting, ListingAnswer answer) {
  for (const auto& request : waiting) {
    request.reply(answer);
    if (answer.outcome == Outcome::miss) answer.outcome = Outcome::joined;
  }
}

void ListingFlights::abandon_all(const Failure& failure) {
  for (const auto& [key, flight] : std::exchange(flights_, {})) {
    ListingAnswer none;
    none.outcome = Outcome::error;
    none.failure = failure;
    answer(flight->waiting, std::move(none));
  }
}

}  // namespace entrepot::cache
