// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "cache/source.h"
#include "proxy/upstream/ask.h"
#include "proxy/upstream/content_range.h"
#include "proxy/upstream/retry.h"
#include "proxy/upstream/timer.h"
#include "proxy/upstream/upstream.h"

namespace entrepot::upstream {

/// A blob or a manifest as one logical transfer: asks, asks again where that may help, and goes on
/// with a body that broke. Loop thread only; destroying it cancels it.
///
///   waiting for a head --connection failure, 5xx--> the same again (Retry)
///   waiting for a head --answer--> body
///   body --broken, stalled, short--> Range from the first byte that is missing, Limits::resumes
///        times without Limits::resume_progress bytes in between
///   any --definitive--> done
class ObjectFetch : public cache::Fetch, private AskSink {
 public:
  /// `upstream` and `sink` outlive this. Calls the sink from later turns only.
  /// request.max_size 0: no cap.
  ObjectFetch(Upstream& upstream, cache::FetchRequest request, cache::FetchSink& sink);

  void hold(bool on) override {
    if (ask_) ask_->hold(on);
  }

 private:
  /// Where in the object an answer's body begins, and how large the object is.
  struct Place {
    std::uint64_t begin = 0;
    std::optional<std::uint64_t> total;
  };

  Disposition on_answer(const ResponseHead& head) override;
  bool on_body(std::span<const std::byte> data) override;
  void on_whole() override;
  void on_stopped() override;
  void on_failure(AskFailure failure) override;

  void attempt();
  AskRequest next_request();
  bool manifest() const { return request_.resource == cache::Resource::manifest; }
  std::optional<Place> place_of(const ResponseHead& head);
  std::optional<Place> part_of(const ResponseHead& head);
  bool fits(const Place& place);
  cache::FetchHead describe(const ResponseHead& head, const Place& place) const;
  void resume(AskFailure failure);
  bool size_by_get(const AskFailure& failure);
  void reject(std::string_view why);
  /// One past the last byte wanted, as far as that is known.
  std::optional<std::uint64_t> wanted_end() const;
  std::string what() const;

  Upstream& upstream_;
  const cache::FetchRequest request_;
  cache::FetchSink& sink_;
  Endpoint* endpoint_ = nullptr;  ///< of the current attempt

  std::uint64_t asked_ = 0;  ///< begin of the range asked for
  bool ranged_ = false;      ///< a range was asked for
  std::uint64_t next_;       ///< offset of the next byte of the body
  std::uint64_t delivered_;  ///< all bytes below it have been delivered
  std::optional<std::uint64_t> size_;
  std::string etag_;  ///< a strong one, for If-Range
  bool head_told_ = false;
  bool probing_ = false;                     ///< a HEAD that is done by a GET of one byte
  bool complete_ = false;                    ///< stopped because all that was wanted is there
  std::optional<cache::Failure> rejection_;  ///< why we stopped taking

  Retry retry_;
  int resumes_ = 0;  ///< since progress_from_
  std::uint64_t progress_from_;
  std::uint64_t random_;

  std::unique_ptr<Ask> ask_;
  Timer timer_;  ///< the next attempt
};

}  // namespace entrepot::upstream
