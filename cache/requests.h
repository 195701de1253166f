// SPDX-License-Identifier: Apache-2.0
// What serve loops hand to a home.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <functional>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "cache/answer.h"
#include "cache/asker.h"
#include "cache/digest.h"
#include "cache/failure.h"
#include "cache/source.h"
#include "cache/wanted.h"

namespace entrepot::cache {

/// Where an answer goes: posted to the asker's executor, once.
template <typename Result>
class ReplyTo {
 public:
  ReplyTo(Asker asker, std::function<void(Result)> done)
      : asker_(std::move(asker)), done_(std::move(done)) {}

  void operator()(Result result) const {
    asker_.executor->post(
        [done = done_, result = std::move(result)]() mutable { done(std::move(result)); });
  }
  /// See Asker.
  const std::string& via() const { return asker_.via; }
  const std::string& accept() const { return asker_.accept; }
  Client client() const { return asker_.client; }
  /// False once the client has left: an answer would go to nobody.
  bool awaited() const { return !asker_.left || !asker_.left->load(std::memory_order_relaxed); }
  /// The same asker, who is answered through `executor`.
  Asker asker_at(Executor& executor) const {
    Asker asker = asker_;
    asker.executor = &executor;
    return asker;
  }

 private:
  Asker asker_;
  std::function<void(Result)> done_;
};

/// True while one of those who wait is still there.
template <typename Request>
bool any_awaited(const std::vector<Request>& waiting) {
  return std::ranges::any_of(waiting, [](const Request& one) { return one.reply.awaited(); });
}

/// Adds one who waits. Those who have left go now and then, but for the first, so that there are at
/// most about twice as many as wait.
template <typename Request>
void add_waiting(std::vector<Request>& waiting, Request request) {
  constexpr std::size_t least = 64;
  if (waiting.size() >= least && std::has_single_bit(waiting.size()))
    waiting.erase(std::remove_if(waiting.begin() + 1, waiting.end(),
                                 [](const Request& one) { return !one.reply.awaited(); }),
                  waiting.end());
  waiting.push_back(std::move(request));
}

/// True where a question failed because of the Via of who it was asked for: that is no answer to
/// anybody else.
inline bool is_due_to_via(const std::string& via, const Failure& failure) {
  return !via.empty() && refuses_question(failure);
}

/// Takes out of `waiting` whoever must be asked for anew, as what was asked with `via` failed
/// because of it. Those without a Via come first: theirs is a question that nobody can spoil. Each
/// Via is tried once, so that this ends.
template <typename Request>
std::vector<Request> take_others(std::vector<Request>& waiting, const std::string& via,
                                 const Failure& failure) {
  std::vector<Request> others;
  if (!is_due_to_via(via, failure)) return others;
  const auto first =
      std::stable_partition(waiting.begin(), waiting.end(),
                            [&via](const Request& request) { return request.reply.via() == via; });
  others.assign(std::make_move_iterator(first), std::make_move_iterator(waiting.end()));
  waiting.erase(first, waiting.end());
  std::stable_partition(others.begin(), others.end(),
                        [](const Request& request) { return request.reply.via().empty(); });
  return others;
}

/// A blob or a manifest by digest.
struct ObjectRequest {
  Resource resource;
  Repository repository;
  Digest digest;
  bool head;
  ReplyTo<Answer> reply;
  Wanted wanted{};
  /// What a local answer will be called: changed once the request had to wait for a link proof.
  Outcome outcome = Outcome::hit;
  std::string_view reason{};
  /// There was a proof of the link, but it was due.
  bool had_link = false;
  /// The proof could not be renewed because the upstream cannot be asked: the old one serves.
  bool accept_old_link = false;
  /// This request brought the proof about, so what a manifest names is not linked yet either.
  bool link_is_new = false;

  bool wants_all() const { return !head && !wanted.pieces; }
};

struct TagRequest {
  Repository repository;
  std::string tag;
  bool head;
  bool revalidate;
  ReplyTo<Answer> reply;
  /// The upstream has no manifest of the digest that the tag names: it is asked for by tag.
  bool by_tag = false;
};

struct ListingRequest {
  Repository repository;
  std::optional<Digest> subject;  ///< set: referrers of it; not set: tags
  ReplyTo<ListingAnswer> reply;
};

/// The answer to those who have left before anything was done for them.
inline Failure nobody_waits() {
  Failure failure{FailureKind::unavailable, "the client has left"};
  failure.given_up = true;
  return failure;
}

/// Brings a request by digest to the home of that digest. Any thread.
class ObjectRouter {
 public:
  virtual ~ObjectRouter() = default;
  virtual void route(ObjectRequest request) = 0;
};

}  // namespace entrepot::cache
