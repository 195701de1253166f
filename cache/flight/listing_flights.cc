// SPDX-License-Identifier: Apache-2.0
#include "cache/flight/listing_flights.h"

#include <chrono>
#include <iterator>
#include <utility>

#include "cache/index/layout.h"

namespace entrepot::cache {
namespace {

/// Time until the next request for a list after the upstream could not be reached.
constexpr std::chrono::seconds unreachable_for{1};
/// Memory of a stored list beside its text, in bytes.
constexpr std::size_t kept_overhead = 1024;

std::string key_of(const ListingRequest& request) {
  // A digest has a colon and a tag list no name, so the two cannot meet.
  return tag_key(request.repository, request.subject ? request.subject->str() : "");
}

}  // namespace

/// The upstream request of one list and the client requests that wait for it.
class ListingFlights::Flight : public ListingSink,
                               public Demand,
                               public std::enable_shared_from_this<Flight> {
 public:
  Flight(const Environment& environment, ListingFlights& owner, std::string key_in)
      : key(std::move(key_in)), environment_(environment), owner_(owner) {
    environment_.metrics.flights().add(1);
  }
  ~Flight() override { environment_.metrics.flights().add(-1); }

  void start(Source& source, const ListingRequest& request) {
    const auto& [upstream, name] = request.repository;
    via = request.reply.via();
    Behalf behalf{via, request.reply.client(), this, !owner_.places_.contains(key)};
    fetch_ = request.subject
                 ? source.list_referrers(upstream, name, *request.subject, std::move(behalf), *this)
                 : source.list_tags(upstream, name, std::move(behalf), *this);
  }
  void join(ListingRequest request) {
    const Client client = request.reply.client();
    add_waiting(waiting, std::move(request));
    if (fetch_) fetch_->wanted_by(client);
  }
  Level level() const override { return any_awaited(waiting) ? Level::awaited : Level::nobody; }

  void on_listing(std::optional<Listing> listing, const Failure& failure) override {
    const auto self = shared_from_this();
    // NOLINTNEXTLINE(performance-unnecessary-copy-initialization): the fetch that owns it goes
    const Failure why = failure;
    fetch_.reset();
    if (listing)
      owner_.arrange(self, std::move(*listing));
    else
      owner_.failed(self, why);
  }

  const std::string key;
  std::vector<ListingRequest> waiting;
  std::string via;  ///< of the request that brought it about

 private:
  const Environment& environment_;
  ListingFlights& owner_;
  std::unique_ptr<Fetch> fetch_;
};

ListingFlights::ListingFlights(const Environment& environment, Executor& home, Source& source)
    : environment_(environment),
      home_(home),
      source_(source),
      self_(std::make_shared<ListingFlights*>(this)) {}

ListingFlights::~ListingFlights() = default;

void ListingFlights::fetch(ListingRequest request) {
  home_.assert_in_thread();
  const auto key = key_of(request);
  if (answer_from_memory(key, request)) return;
  if (!request.reply.awaited()) {
    ListingAnswer none;
    none.outcome = Outcome::error;
    none.failure = nobody_waits();
    return request.reply(std::move(none));
  }
  auto& flight = flights_[key];
  if (!flight) {
    flight = std::make_shared<Flight>(environment_, *this, key);
    flight->start(source_, request);
  }
  flight->join(std::move(request));
}

bool ListingFlights::answer_from_memory(const std::string& key, const ListingRequest& request) {
  const auto now = environment_.clock.steady();
  const auto place = places_.find(key);
  if (place != places_.end() &&
      now - place->second->fetched_at <= environment_.options.listing_fresh_for) {
    request.reply(place->second->answer);
    return true;
  }
  const auto failure = failed_.find(key, now);
  if (!failure) return false;
  ListingAnswer answer;
  if (place != places_.end() && stale_may_cover(*failure)) {
    answer = place->second->answer;
    answer.outcome = Outcome::stale;
    answer.reason = AnswerReason::upstream_unreachable;
  } else {
    answer.outcome = Outcome::error;
    answer.reason = AnswerReason::negative;
    answer.failure = *failure;
  }
  request.reply(std::move(answer));
  return true;
}

/// Sorting a million tags would hold the loop.
void ListingFlights::arrange(const std::shared_ptr<Flight>& flight, Listing listing) {
  const bool tags = !flight->waiting.front().subject;
  environment_.store_pool.post([&home = home_, owner = std::weak_ptr(self_),
                                weak = std::weak_ptr(flight), tags,
                                listing = std::move(listing)]() mutable {
    ListingAnswer answer;
    if (tags)
      answer.tags = std::make_shared<const TagList>(listing.tags);
    else
      answer.referrers = std::make_shared<const Referrers>(listing.referrers);
    home.post([owner, weak, answer = std::move(answer)] {
      const auto self = owner.lock();
      const auto asked = self ? weak.lock() : nullptr;
      if (asked) (*self)->arranged(asked, answer);
    });
  });
}

void ListingFlights::arranged(const std::shared_ptr<Flight>& flight, const ListingAnswer& answer) {
  keep(flight->key, answer);
  ListingAnswer fetched = answer;
  fetched.outcome = Outcome::miss;
  fetched.reason = AnswerReason::absent;
  end(flight, std::move(fetched));
}

void ListingFlights::failed(const std::shared_ptr<Flight>& flight, const Failure& failure) {
  auto others = take_others(flight->waiting, SentAs{flight->via, {}}, failure);
  if (!is_due_to_via(flight->via, failure)) remember_failure(*flight, failure);
  refuse(flight, failure);
  for (auto& request : others) fetch(std::move(request));
}

/// With what was known before, where there is something.
void ListingFlights::refuse(const std::shared_ptr<Flight>& flight, const Failure& failure) {
  ListingAnswer answer;
  const auto place = places_.find(flight->key);
  if (place != places_.end() && stale_may_cover(failure)) {
    answer = place->second->answer;
    answer.outcome = Outcome::stale;
    answer.reason = AnswerReason::upstream_unreachable;
    return end(flight, std::move(answer));
  }
  forget(flight->key);
  answer.outcome = Outcome::error;
  answer.reason = AnswerReason::absent;
  answer.failure = failure;
  end(flight, std::move(answer));
}

void ListingFlights::end(const std::shared_ptr<Flight>& flight, ListingAnswer answer) {
  flights_.erase(flight->key);
  for (const auto& request : std::exchange(flight->waiting, {})) {
    request.reply(answer);
    if (answer.outcome == Outcome::miss) answer.outcome = Outcome::joined;
  }
}

void ListingFlights::keep(const std::string& key, const ListingAnswer& answer) {
  forget(key);
  const std::size_t bytes = kept_overhead + key.size() + (answer.tags ? answer.tags->bytes() : 0) +
                            (answer.referrers ? answer.referrers->bytes() : 0);
  if (bytes > max_kept_bytes) return;
  while (kept_bytes_ + bytes > max_kept_bytes) forget_oldest();
  kept_.push_back({key, answer, environment_.clock.steady(), bytes});
  places_.emplace(key, std::prev(kept_.end()));
  kept_bytes_ += bytes;
  if (!aging_) forget_old();
}

void ListingFlights::forget(const std::string& key) {
  const auto place = places_.find(key);
  if (place == places_.end()) return;
  kept_bytes_ -= place->second->bytes;
  kept_.erase(place->second);
  places_.erase(place);
}

void ListingFlights::forget_oldest() {
  const std::string key = kept_.front().key;
  forget(key);
}

/// Now, and again when the next one will be old.
void ListingFlights::forget_old() {
  const auto now = environment_.clock.steady();
  while (!kept_.empty() && now - kept_.front().fetched_at >= max_kept_for) forget_oldest();
  aging_.reset();
  if (kept_.empty()) return;
  const auto left = kept_.front().fetched_at + max_kept_for - now;
  aging_ =
      home_.after(std::chrono::ceil<std::chrono::milliseconds>(left), [this] { forget_old(); });
}

/// A denied list may be allowed as soon as the operator has changed the credentials.
void ListingFlights::remember_failure(const Flight& flight, const Failure& failure) {
  if (failure.kind == FailureKind::denied || failure.given_up) return;
  const bool definitive = !failure.doubtful && (failure.kind == FailureKind::not_found ||
                                                failure.kind == FailureKind::bad_upstream);
  const auto now = environment_.clock.steady();
  failed_.put(flight.key, first_client(flight.waiting), failure,
              now + (definitive ? environment_.options.negative_manifest
                                : std::chrono::milliseconds(unreachable_for)));
}

void ListingFlights::abandon_all(const Failure& failure) {
  home_.assert_in_thread();
  aging_.reset();
  for (const auto& [key, flight] : std::exchange(flights_, {})) {
    ListingAnswer none;
    none.outcome = Outcome::error;
    none.failure = failure;
    end(flight, std::move(none));
  }
}

}  // namespace entrepot::cache
