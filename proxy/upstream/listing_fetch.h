// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_set>

#include "cache/source.h"
#include "proxy/upstream/ask.h"
#include "proxy/upstream/retry.h"
#include "proxy/upstream/timer.h"
#include "proxy/upstream/upstream.h"
#include "proxy/upstream/verdict.h"

namespace entrepot::upstream {

/// tags/list or referrers, page by page. Loop thread only; destroying it cancels it.
///
///   tags:      page → next page … → done
///   both:      a first page that one endpoint does not give is asked of the others
///   referrers: page → next page … → done; where the API is missing (404, or an answer that is no
///              image index): the manifest of the referrers tag → done, empty when there is none
///
/// A page above 64 KiB is read off the loop (Options::read_off_loop). A page that was read before,
/// by its address or its body, or that brings nothing, is the last one.
class ListingFetch : public cache::Fetch, private AskSink, private BodySink {
 public:
  /// `upstream` and `sink` outlive this. Calls the sink from a later turn only.
  /// `subject`: whose referrers; nullopt: the tags of the repository.
  ListingFetch(Upstream& upstream, std::string repository, std::optional<cache::Digest> subject,
               cache::Behalf behalf, cache::ListingSink& sink);
  ~ListingFetch() override;

  void wanted_by(cache::Client client) override {
    if (ask_) ask_->wanted_by(client);
  }

 private:
  enum class Mode : std::uint8_t { tags, referrers, referrers_tag };
  struct ReadPage;

  Disposition on_answer(const ResponseHead& head) override;
  bool on_data(std::span<const std::byte> data) override;
  void on_whole() override;
  void on_stopped() override;
  void on_failure(AskFailure failure) override;

  void attempt();
  Url first_url() const;
  void fall_back();
  void lost(const AskFailure& failure);
  bool reserve();
  void read_page();
  void page_read(ReadPage page);
  int most_pages() const;
  void turn_page();
  void finish();
  void give_up(const cache::Failure& failure);
  std::string what() const;

  Upstream& upstream_;
  const std::string repository_;
  const std::optional<cache::Digest> subject_;
  const cache::Behalf behalf_;
  cache::ListingSink& sink_;
  Endpoint* endpoint_;  ///< one for all pages: another may order them otherwise
  Mode mode_;

  std::optional<Url> url_;           ///< of the current page
  std::optional<std::string> link_;  ///< of the next one, as sent
  std::string page_;
  int pages_ = 0;                         ///< read before this one
  std::unordered_set<std::size_t> seen_;  ///< hashes of the pages' addresses and bodies
  std::uint64_t bytes_ = 0;               ///< of all pages
  std::uint64_t reserved_ = 0;            ///< of Upstream::listing_bytes()
  std::size_t entries_ = 0;
  cache::Listing listing_;
  std::optional<cache::Failure> rejection_;  ///< why we stopped taking
  bool no_index_ = false;                    ///< referrers: the answer is no image index

  Verdict verdict_;
  Retry retry_;
  std::unique_ptr<Ask> ask_;
  Timer timer_;  ///< the next attempt
  /// For a page that is being read: whether this is still there.
  const std::shared_ptr<ListingFetch*> self_ = std::make_shared<ListingFetch*>(this);
};

}  // namespace entrepot::upstream
