// SPDX-License-Identifier: Apache-2.0
// The sink may destroy this in any call: a call to it is the last thing a function does.
#include "proxy/upstream/listing_pages.h"

#include <algorithm>
#include <functional>
#include <string_view>
#include <utility>

#include "proxy/upstream/transfer/failures.h"
#include "proxy/upstream/wire/link.h"
#include "proxy/upstream/wire/listing_page.h"
#include "proxy/upstream/wire/media_type.h"

namespace entrepot::upstream {
namespace {

/// Bytes that each list may have besides the limit for all lists: nearly all lists are shorter.
constexpr std::uint64_t always_taken = 64 * 1024;
/// Such a page is read in less than a millisecond.
constexpr std::size_t read_on_loop = 64 * 1024;
/// Pages that a list may have whatever is on them.
constexpr std::size_t free_pages = 16;
constexpr std::size_t least_per_page = 8;

std::size_t hash_of(const Url& url) { return std::hash<std::string>{}(url.text()); }

/// distribution-spec, "Referrers Tag Schema": the algorithm cut to 32 characters and the encoded
/// part to 64; both are safe in a tag already.
std::string referrers_tag(const cache::Digest& subject) {
  return std::string(subject.algorithm_name()).substr(0, 32) + "-" + subject.hex().substr(0, 64);
}

}  // namespace

/// A page that is being read, with the listing that it is added to.
struct ListingPages::Reading {
  std::optional<cache::Digest> subject;
  std::string text;
  cache::Listing listing;
  PageResult added{};
  bool is_subject = false;  ///< no list: the manifest whose referrers are wanted

  void read() {
    added = subject ? add_referrers_page(text, listing) : add_tags_page(text, listing);
    is_subject = subject && cache::digest_of(subject->algorithm(), text) == *subject;
    text = {};
  }
};

ListingPages::ListingPages(Upstream& upstream, const ListingRequest& listing,
                           ListingPagesSink& sink)
    : upstream_(upstream),
      listing_(listing),
      sink_(sink),
      timer_(upstream.base(), [this] { request_page(); }) {}

ListingPages::~ListingPages() { upstream_.listing_bytes() -= reserved_; }

void ListingPages::begin(Endpoint& endpoint, ListingSource source, std::chrono::milliseconds wait) {
  upstream_.loop().assert_in_loop();
  endpoint_ = &endpoint;
  source_ = source;
  read_ = {};
  page_.clear();
  url_ = list_url();
  if (source_ == ListingSource::tags) url_ = url_->with_query("n", "1000").value_or(*url_);
  timer_.set(wait);
}

/// The URL of the whole list, without parameters for pages.
Url ListingPages::list_url() const {
  const std::string base = "/v2/" + listing_.repository;
  switch (source_) {
    case ListingSource::referrers:
      return endpoint_->address().of(base + "/referrers/" + listing_.subject->str());
    case ListingSource::referrers_tag:
      return endpoint_->address().of(base + "/manifests/" + referrers_tag(*listing_.subject));
    case ListingSource::tags:
    case ListingSource::tags_unsized:
      break;
  }
  return endpoint_->address().of(base + "/tags/list");
}

void ListingPages::request_page() {
  RequestSpec spec{
      .kind = referrers() ? metrics::Kind::referrers : metrics::Kind::tags,
      .head = false,
      .repository = listing_.repository,
      .url = *url_,
      .headers = {"Accept: " + std::string(referrers() ? oci_index : "application/json")},
      .via = listing_.behalf.via,
      .clients = {listing_.behalf.client},
      .demand = listing_.behalf.demand};
  read_.bytes -= page_.size();  // of one that broke
  page_.clear();
  link_.reset();
  rejection_.reset();
  no_list_ = false;
  RequestSink& self = *this;
  request_ = std::make_unique<EndpointRequest>(*endpoint_, std::move(spec), self);
  request_->start();
}

Disposition ListingPages::on_head(EndpointRequest&, const ResponseHead& head) {
  if (head.status != 200) {
    rejection_ = bad_answer(
        what(), "answered " + std::to_string(head.status) + " where a listing was expected");
    return Disposition::abort;
  }
  if (referrers() && parse_media_type(head.content_type) != oci_index) {
    no_list_ = true;
    return Disposition::discard;
  }
  if (source_ != ListingSource::referrers_tag) link_ = next_link(head.link);
  return Disposition::deliver;
}

bool ListingPages::on_data(EndpointRequest&, std::span<const std::byte> data) {
  const auto most = upstream_.limits().list_bytes;
  page_.append(reinterpret_cast<const char*>(data.data()), data.size());
  read_.bytes += data.size();
  endpoint_->metrics().bytes().add(data.size());
  if (read_.bytes > most) {
    rejection_ =
        bad_answer(what(), "sends more than " + std::to_string(most) + " bytes of listing");
  } else if (!reserve()) {
    rejection_ = cache::Failure{cache::FailureKind::unavailable,
                                what() + ": other long lists are on their way; ask again later"};
  }
  return !rejection_;
}

/// False where all lists together are too long.
bool ListingPages::reserve() {
  const std::uint64_t wanted = read_.bytes - std::min(read_.bytes, always_taken);
  if (wanted <= reserved_) return true;
  const std::uint64_t more = wanted - reserved_;
  if (upstream_.listing_bytes() + more > upstream_.limits().lists_bytes) return false;
  upstream_.listing_bytes() += more;
  reserved_ = wanted;
  return true;
}

void ListingPages::on_end(EndpointRequest&, RequestResult result) {
  switch (result.kind) {
    case RequestResult::Kind::complete:
      return no_list_ ? no_list() : read_page();
    case RequestResult::Kind::stopped:
      return fail(*rejection_);
    case RequestResult::Kind::failed:
      break;
  }
  cache::Failure& failure = result.failure.failure;
  // A missing page does not mean that the list is missing.
  if (begun() && failure.kind == cache::FailureKind::not_found)
    failure = bad_answer(what(), "does not have the next page that it names", failure.status);
  sink_.on_end({.kind = PagesResult::Kind::failed, .failure = std::move(result.failure)});
}

void ListingPages::no_list() {
  if (begun()) return fail(bad_answer(what(), "sends a next page that is no list"));
  sink_.on_end({.kind = PagesResult::Kind::no_list});
}

void ListingPages::read_page() {
  Reading reading{listing_.subject, std::exchange(page_, {}), std::exchange(read_.listing, {})};
  const auto& read_off_loop = upstream_.read_off_loop();
  if (reading.text.size() <= read_on_loop || !read_off_loop) {
    reading.read();
    return page_read(std::move(reading));
  }
  const auto shared = std::make_shared<Reading>(std::move(reading));
  read_off_loop([shared] { shared->read(); },
                [shared, weak = std::weak_ptr(self_)] {
                  if (const auto self = weak.lock()) (*self)->page_read(std::move(*shared));
                });
}

void ListingPages::page_read(Reading reading) {
  if (!reading.added.readable) return fail(bad_answer(what(), "sent a list that cannot be read"));
  if (reading.is_subject) return no_list();
  read_.listing = std::move(reading.listing);
  read_.entries += reading.added.entries;
  ++read_.pages;
  read_.seen.insert(hash_of(*url_));
  const bool brings_news =
      reading.added.entries > 0 && read_.seen.insert(reading.added.fingerprint).second;
  if (link_ && brings_news) return turn_page();
  sink_.on_end({.kind = PagesResult::Kind::complete, .listing = std::move(read_.listing)});
}

void ListingPages::turn_page() {
  auto next = next_page(list_url(), *link_);
  // To end here would pass a part off as the whole.
  if (!next) return fail(bad_answer(what(), "names a next page that cannot be asked for"));
  if (read_.seen.contains(hash_of(*next)))
    return sink_.on_end({.kind = PagesResult::Kind::complete, .listing = std::move(read_.listing)});
  if (read_.pages >= most_pages()) {
    return fail(bad_answer(what(), "has more than " + std::to_string(most_pages()) +
                                       " pages of listing with so few entries"));
  }
  url_ = std::move(next);
  timer_.set(std::chrono::milliseconds(0));
}

/// One request of a client must not cause thousands of requests to the upstream.
std::size_t ListingPages::most_pages() const {
  const std::size_t earned = free_pages + read_.entries / least_per_page;
  return std::min(earned, static_cast<std::size_t>(upstream_.limits().listing_pages));
}

void ListingPages::fail(cache::Failure failure) {
  sink_.on_end(
      {.kind = PagesResult::Kind::failed,
       .failure = {.failure = std::move(failure), .reason = EndpointFailure::bad_upstream}});
}

std::string ListingPages::what() const {
  return upstream_.name() + ": " + endpoint_->label() + ": " +
         (referrers() ? "referrers in " : "tags of ") + listing_.repository;
}

}  // namespace entrepot::upstream
