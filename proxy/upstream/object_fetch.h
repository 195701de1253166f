// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cache/api/source.h"
#include "proxy/upstream/attempt.h"
#include "proxy/upstream/failure_tally.h"
#include "proxy/upstream/retry.h"
#include "proxy/upstream/transfer/timer.h"
#include "proxy/upstream/upstream.h"
#include "proxy/upstream/wire/content_range.h"

namespace entrepot::upstream {

/// A blob or a manifest as one logical transfer: asks an endpoint, asks another or the same again
/// where that may help, and goes on with a body that broke. Loop thread only; destroying it cancels
/// it.
///
///   waiting for a head --late--> another endpoint is asked as well; who answers first is taken
///   waiting for a head --failure--> another endpoint at once; all have failed: again (Retry)
///   waiting for a head --answer--> body
///   body --broken, stalled, short--> Range from the first byte that is missing, from another
///        endpoint at once, from the same after a while; Limits::resumes times for each endpoint
///        without Limits::resume_progress bytes in between
///   body --much slower than another would be--> the same from that one, Limits::moves times
///   any --no endpoint is left to ask--> done
///
/// An endpoint that refuses HEAD, or tells no size of a blob by it, is asked the same by GET: of
/// one byte, or of the whole (FetchRequest::or_get).
class ObjectFetch : public cache::Fetch, private Attempt::Owner {
 public:
  /// `upstream` and `sink` outlive this. Calls the sink from later turns only.
  /// request.max_size 0: no cap.
  ObjectFetch(Upstream& upstream, cache::FetchRequest request, cache::FetchSink& sink);

  void hold(bool on) override {
    if (attempt_) attempt_->hold(on);
  }
  void wanted_by(cache::Client client) override;

 private:
  /// Where in the object an answer's body begins, and how large the object is.
  struct Place {
    std::uint64_t begin = 0;
    std::optional<std::uint64_t> total;
  };

  /// Takes the body of an attempt that has answered.
  class Delivery : public BodySink {
   public:
    Delivery(ObjectFetch& fetch, Attempt& attempt) : fetch_(fetch), attempt_(attempt) {}
    bool on_data(std::span<const std::byte> data) override {
      return fetch_.deliver(attempt_, data);
    }

   private:
    ObjectFetch& fetch_;
    Attempt& attempt_;
  };

  Disposition on_answer(Attempt& attempt, const ResponseHead& head) override;
  void on_whole(Attempt& attempt) override;
  void on_stopped(Attempt& attempt) override;
  void on_failure(Attempt& attempt, AskFailure failure) override;
  void on_second(Attempt& attempt, double rate) override;

  bool deliver(Attempt& attempt, std::span<const std::byte> data);
  void attempt();
  void attempt(Endpoint& endpoint);
  void hedge();
  std::unique_ptr<Attempt> ask(Endpoint& endpoint);
  void take(Attempt& winner, const Place& place, const ResponseHead& head);
  bool manifest() const { return request_.resource == cache::Resource::manifest; }
  std::optional<Place> place_of(Attempt& attempt, const ResponseHead& head) const;
  std::optional<Place> part_of(Attempt& attempt, const ResponseHead& head) const;
  bool fits(Attempt& attempt, const Place& place) const;
  cache::FetchHead describe(const Attempt& attempt, const ResponseHead& head,
                            const Place& place) const;
  void lost(Attempt& attempt, const AskFailure& failure);
  void ask_again();
  void resume();
  Attempt::Part part_for(const Endpoint& endpoint) const;
  bool lacks_size(const Attempt& attempt, const Place& place) const;
  void get_instead(Attempt& attempt);
  void reject(Attempt& attempt, std::string_view why) const;
  /// One past the last byte wanted, as far as that is known.
  std::optional<std::uint64_t> wanted_end() const;
  /// What an endpoint would have to bring; a guess where the size is not known.
  std::uint64_t bytes_left() const;
  std::string what(const Attempt& attempt) const;

  Upstream& upstream_;
  const cache::FetchRequest request_;
  cache::FetchSink& sink_;
  std::vector<cache::Client> clients_;  ///< see AskRequest

  std::uint64_t next_;       ///< offset of the next byte of the body
  std::uint64_t delivered_;  ///< all bytes below it have been delivered
  std::optional<std::uint64_t> size_;
  std::string etag_;                   ///< a strong one, for If-Range
  const Endpoint* etag_of_ = nullptr;  ///< who gave it; to others it means nothing
  bool head_told_ = false;
  bool complete_ = false;                      ///< stopped because all that was wanted is there
  const Endpoint* head_refused_by_ = nullptr;  ///< the last that has refused this HEAD

  FailureTally verdict_;
  Retry retry_;
  int resumes_ = 0;  ///< since progress_from_
  std::uint64_t progress_from_;
  std::uint64_t random_;
  int moves_ = 0;
  int slow_seconds_ = 0;  ///< in a row

  bool answered_ = false;             ///< attempt_ has brought a head
  std::unique_ptr<Attempt> attempt_;  ///< the last one, which may have ended
  std::optional<Delivery> delivery_;  ///< of its body
  std::unique_ptr<Attempt> hedge_;    ///< runs while attempt_ has not answered
  Timer timer_;                       ///< the next attempt
  Timer hedge_timer_;
};

}  // namespace entrepot::upstream
