// SPDX-License-Identifier: Apache-2.0
// The sink may destroy this in any call: a call to it is the last thing a function does.
#include "proxy/upstream/listing_fetch.h"

#include <algorithm>
#include <functional>
#include <string_view>
#include <utility>

#include "proxy/upstream/failures.h"
#include "proxy/upstream/link.h"
#include "proxy/upstream/listing_page.h"
#include "proxy/upstream/media_type.h"

namespace entrepot::upstream {
namespace {

constexpr std::uint64_t usual_page = 16384;  // a guess, for the choice of endpoint
/// Of each list, beside what all lists together may take: nearly all lists are shorter.
constexpr std::uint64_t always_taken = 64 * 1024;
/// Pages that a list may have whatever is on them.
constexpr std::size_t free_pages = 16;
constexpr std::size_t least_per_page = 8;

template <typename Text>
std::size_t hash_of(const Text& text) {
  return std::hash<std::string_view>{}(text);
}

/// distribution-spec, "Referrers Tag Schema": the algorithm cut to 32 characters and the encoded
/// part to 64; both are safe in a tag already.
std::string referrers_tag(const cache::Digest& subject) {
  return std::string(subject.algorithm_name()).substr(0, 32) + "-" + subject.hex().substr(0, 64);
}

/// Such a page is read in less than a millisecond.
constexpr std::size_t read_on_loop = 64 * 1024;

}  // namespace

/// A page on its way through its reading, with the listing that it is added to.
struct ListingFetch::ReadPage {
  Mode mode;
  std::string text;
  cache::Listing listing;
  PageResult added{};
  std::size_t hash = 0;

  void read() {
    added = mode == Mode::tags ? add_tags_page(text, listing) : add_referrers_page(text, listing);
    hash = hash_of(text);
    text = {};
  }
};

ListingFetch::ListingFetch(Upstream& upstream, std::string repository,
                           std::optional<cache::Digest> subject, cache::Behalf behalf,
                           cache::ListingSink& sink)
    : upstream_(upstream),
      repository_(std::move(repository)),
      subject_(subject),
      behalf_(std::move(behalf)),
      sink_(sink),
      endpoint_(upstream.choose(usual_page)),
      mode_(subject ? Mode::referrers : Mode::tags),
      verdict_(upstream.endpoints().size()),
      retry_(upstream.limits(), upstream.timeouts(), std::chrono::steady_clock::now(),
             upstream.next_seed()),
      timer_(upstream.base(), [this] { attempt(); }) {
  url_ = first_url();
  timer_.set(std::chrono::milliseconds(0));
}

ListingFetch::~ListingFetch() { upstream_.listing_bytes() -= reserved_; }

Url ListingFetch::first_url() const {
  const std::string base = "/v2/" + repository_;
  switch (mode_) {
    case Mode::tags: {
      const Url usual = endpoint_->address(base + "/tags/list");
      return usual.with_query("n", "1000").value_or(usual);
    }
    case Mode::referrers:
      return endpoint_->address(base + "/referrers/" + subject_->str());
    case Mode::referrers_tag:
      break;
  }
  return endpoint_->address(base + "/manifests/" + referrers_tag(*subject_));
}

void ListingFetch::attempt() {
  AskRequest request{.kind = mode_ == Mode::tags ? metrics::Kind::tags : metrics::Kind::referrers,
                     .head = false,
                     .repository = repository_,
                     .url = *url_,
                     .headers = {mode_ == Mode::tags ? "Accept: application/json"
                                                     : "Accept: " + std::string(oci_index)},
                     .via = behalf_.via,
                     .clients = {behalf_.client},
                     .demand = behalf_.demand};
  bytes_ -= page_.size();  // of one that broke
  page_.clear();
  link_.reset();
  rejection_.reset();
  no_index_ = false;
  AskSink& self = *this;
  ask_ = std::make_unique<Ask>(*endpoint_, std::move(request), self);
  ask_->start();
}

Disposition ListingFetch::on_answer(const ResponseHead& head) {
  if (head.status != 200) {
    rejection_ = bad_answer(
        what(), "answered " + std::to_string(head.status) + " where a listing was expected");
    return Disposition::abort();
  }
  if (mode_ != Mode::tags && parse_media_type(head.content_type) != oci_index) {
    no_index_ = true;
    return Disposition::discard();
  }
  if (mode_ != Mode::referrers_tag) link_ = next_link(head.link);
  return Disposition::take(*this);
}

bool ListingFetch::on_data(std::span<const std::byte> data) {
  const Limits& limits = upstream_.limits();
  const auto most = mode_ == Mode::tags ? limits.tags_bytes : limits.referrers_bytes;
  page_.append(reinterpret_cast<const char*>(data.data()), data.size());
  bytes_ += data.size();
  endpoint_->metrics().bytes().add(data.size());
  if (bytes_ > most) {
    rejection_ =
        bad_answer(what(), "sends more than " + std::to_string(most) + " bytes of listing");
  } else if (!reserve()) {
    rejection_ = cache::Failure{cache::FailureKind::unavailable,
                                what() + ": other long lists are on their way; ask again later"};
  }
  return !rejection_;
}

/// False where all lists together are too long.
bool ListingFetch::reserve() {
  const std::uint64_t wanted = bytes_ - std::min(bytes_, always_taken);
  if (wanted <= reserved_) return true;
  const std::uint64_t more = wanted - reserved_;
  if (upstream_.listing_bytes() + more > upstream_.limits().lists_bytes) return false;
  upstream_.listing_bytes() += more;
  reserved_ = wanted;
  return true;
}

void ListingFetch::on_whole() {
  if (!no_index_) return read_page();
  if (mode_ == Mode::referrers) return fall_back();
  finish();  // where what stands under the tag is no list of referrers, there are none
}

void ListingFetch::read_page() {
  ReadPage page{mode_, std::exchange(page_, {}), std::exchange(listing_, {})};
  const auto& read_off_loop = upstream_.read_off_loop();
  if (page.text.size() <= read_on_loop || !read_off_loop) {
    page.read();
    return page_read(std::move(page));
  }
  const auto apart = std::make_shared<ReadPage>(std::move(page));
  read_off_loop([apart] { apart->read(); },
                [apart, weak = std::weak_ptr(self_)] {
                  if (const auto self = weak.lock()) (*self)->page_read(std::move(*apart));
                });
}

/// A page that brings nothing new has no next one, whatever it says.
void ListingFetch::page_read(ReadPage page) {
  listing_ = std::move(page.listing);
  entries_ += page.added.entries;
  if (!page.added.readable)
    return give_up(bad_answer(what(), "sent a listing that cannot be read"));
  if (page.added.entries == 0 || !seen_.insert(page.hash).second) link_.reset();
  if (link_) return turn_page();
  finish();
}

/// One client must not have thousands of questions put to the upstream by one of its own.
int ListingFetch::most_pages() const {
  const std::size_t earned = free_pages + entries_ / least_per_page;
  return static_cast<int>(
      std::min(earned, static_cast<std::size_t>(upstream_.limits().listing_pages)));
}

void ListingFetch::turn_page() {
  auto next = url_->resolve(*link_);
  if (!next || !next->same_origin(endpoint_->url())) {
    give_up(bad_answer(what(), "names a next page on another server, which is not followed"));
    return;
  }
  seen_.insert(hash_of(url_->text()));
  if (seen_.contains(hash_of(next->text()))) return finish();
  if (++pages_ >= most_pages()) {
    give_up(bad_answer(what(), "has more than " + std::to_string(most_pages()) +
                                   " pages of listing with so few entries"));
    return;
  }
  url_ = std::move(next);
  timer_.set(std::chrono::milliseconds(0));
}

void ListingFetch::fall_back() {
  mode_ = Mode::referrers_tag;
  listing_ = {};
  url_ = first_url();
  timer_.set(std::chrono::milliseconds(0));
}

void ListingFetch::on_stopped() { lost({.failure = *rejection_, .reason = "bad-upstream"}); }

void ListingFetch::on_failure(AskFailure failure) {
  const int status = failure.failure.status;
  const bool missing = status == 404 || status == 400 || status == 405 || status == 406 ||
                       status == 410 || status == 501;
  if (mode_ == Mode::referrers && missing) {
    fall_back();
    return;
  }
  lost(failure);
}

void ListingFetch::lost(const AskFailure& failure) {
  if (failure.failure.given_up) return give_up(failure.failure);
  verdict_.add(*endpoint_, failure);
  const bool begun = pages_ > 0;
  Endpoint* const other =
      begun ? nullptr : upstream_.alternative(usual_page, verdict_.tried(), Upstream::Only::open);
  if (other != nullptr) {
    endpoint_ = other;
    mode_ = subject_ ? Mode::referrers : Mode::tags;
    url_ = first_url();
    timer_.set(std::chrono::milliseconds(0));
    return;
  }
  // No tag either: there are none, then, wherever one looks.
  if (mode_ == Mode::referrers_tag && failure.failure.kind == cache::FailureKind::not_found)
    return finish();
  const bool again = !begun || failure.retryable || failure.pause;
  const auto wait =
      again ? verdict_.round_wait(retry_, behalf_.patient && cache::is_awaited(behalf_.demand),
                                  std::chrono::steady_clock::now())
            : std::nullopt;
  if (!wait) return give_up(verdict_.failure());
  verdict_.next_round();
  if (!begun) {
    endpoint_ = upstream_.choose(usual_page, verdict_.tried());
    mode_ = subject_ ? Mode::referrers : Mode::tags;
    url_ = first_url();
  }
  timer_.set(*wait);
}

void ListingFetch::finish() { sink_.on_listing(std::move(listing_), cache::Failure{}); }

void ListingFetch::give_up(const cache::Failure& failure) {
  // NOLINTNEXTLINE(performance-unnecessary-copy-initialization): it may be a member of this
  const cache::Failure copy = failure;
  sink_.on_listing(std::nullopt, copy);
}

std::string ListingFetch::what() const {
  return upstream_.name() + ": " + endpoint_->label() + ": " +
         (mode_ == Mode::tags ? "tags of " : "referrers in ") + repository_;
}

}  // namespace entrepot::upstream
