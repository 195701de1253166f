// SPDX-License-Identifier: Apache-2.0
// The requests that serve loops post to a home loop.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <functional>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cache/api/answer.h"
#include "cache/api/requested_ranges.h"
#include "cache/api/requester.h"
#include "cache/api/source.h"
#include "cache/base/digest.h"
#include "cache/base/failure.h"

namespace entrepot::cache {

/// Posts an answer to the executor of the requester, once.
template <typename Result>
class ReplyTo {
 public:
  ReplyTo(Requester requester, std::function<void(Result)> done)
      : requester_(std::move(requester)), done_(std::move(done)) {}

  void operator()(Result result) const {
    requester_.executor->post(
        [done = done_, result = std::move(result)]() mutable { done(std::move(result)); });
  }
  /// See Requester.
  const std::string& via() const { return requester_.via; }
  const std::string& accept() const { return requester_.accept; }
  const Requester& requester() const { return requester_; }
  Client client() const { return requester_.client; }
  /// The request waits for the work that is recorded there.
  void waits_for(const std::shared_ptr<const FetchRecord>& record) const {
    if (requester_.work) requester_.work->add(record);
  }
  /// False once the client has disconnected: the answer would not be received.
  bool awaited() const {
    return !requester_.left || !requester_.left->load(std::memory_order_relaxed);
  }
  /// The same requester with another executor.
  Requester requester_at(Executor& executor) const {
    Requester requester = requester_;
    requester.executor = &executor;
    return requester;
  }

 private:
  Requester requester_;
  std::function<void(Result)> done_;
};

/// True if at least one waiting client is still connected.
template <typename Request>
bool any_awaited(const std::vector<Request>& waiting) {
  return std::ranges::any_of(waiting, [](const Request& one) { return one.reply.awaited(); });
}

/// The client of the first waiting request: it has brought the flight about, or is the first left.
template <typename Request>
Client first_client(const std::vector<Request>& waiting) {
  return waiting.empty() ? Client::nobody : waiting.front().reply.client();
}

/// Appends a waiting request. Occasionally removes requests of disconnected clients, except the
/// first, so that the list is at most about twice as long as the number of connected clients.
template <typename Request>
void add_waiting(std::vector<Request>& waiting, Request request) {
  constexpr std::size_t min_size = 64;
  if (waiting.size() >= min_size && std::has_single_bit(waiting.size()))
    waiting.erase(std::remove_if(waiting.begin() + 1, waiting.end(),
                                 [](const Request& one) { return !one.reply.awaited(); }),
                  waiting.end());
  waiting.push_back(std::move(request));
}

/// True if a request failed because of its Via value. Such a failure does not apply to other
/// requests.
inline bool is_due_to_via(const std::string& via, const Failure& failure) {
  return !via.empty() && rejects_request(failure);
}

/// The request that a flight sent upstream, for the sake of its first client.
struct SentAs {
  std::string via;
  std::string accept;
};

/// True if a request that was sent as `sent` and ended in `failure` answers `reply` too.
template <typename Result>
bool answers(const SentAs& sent, const Failure& failure, const ReplyTo<Result>& reply) {
  if (is_due_to_via(sent.via, failure) && reply.via() != sent.via) return false;
  return !may_be_due_to_accept(failure) || reply.accept().empty() || reply.accept() == sent.accept;
}

/// Removes from `waiting`, and returns, the requests that must be sent again because `failure` may
/// be due to the Via or the Accept of the request that was sent. Requests without Via come first,
/// since no loop can affect them. Each pair of values is tried once, so the retries end.
template <typename Request>
std::vector<Request> take_others(std::vector<Request>& waiting, const SentAs& sent,
                                 const Failure& failure) {
  std::vector<Request> others;
  const auto first = std::stable_partition(
      waiting.begin(), waiting.end(),
      [&](const Request& request) { return answers(sent, failure, request.reply); });
  others.assign(std::make_move_iterator(first), std::make_move_iterator(waiting.end()));
  waiting.erase(first, waiting.end());
  std::stable_partition(others.begin(), others.end(),
                        [](const Request& request) { return request.reply.via().empty(); });
  return others;
}

/// A request for a blob or a manifest by digest.
struct ObjectRequest {
  Resource resource;
  Repository repository;
  Digest digest;
  bool head;
  ReplyTo<Answer> reply;
  RequestedRanges wanted{};
  /// The outcome to report for a local answer. Changed once the request had to wait for a link
  /// proof.
  Outcome outcome = Outcome::hit;
  std::optional<AnswerReason> reason{};
  /// A proof of the link existed, but was due.
  bool had_link = false;
  /// The proof could not be renewed because the upstream is unreachable; the old proof is used.
  bool accept_old_link = false;
  /// This request created the link proof, so the references of a manifest are not linked yet.
  bool link_is_new = false;
  /// The request serves one by tag, which falls back to the tag itself.
  bool from_tag = false;

  bool wants_all() const { return !head && !wanted.pieces; }
};

struct TagRequest {
  Repository repository;
  std::string tag;
  bool head;
  bool revalidate;
  ReplyTo<Answer> reply;
  /// The upstream lacks the digest that the tag names, so the manifest is requested by tag.
  bool by_tag = false;
};

struct ListingRequest {
  Repository repository;
  std::optional<Digest> subject;  ///< set: referrers of it; not set: tags
  ReplyTo<ListingAnswer> reply;
};

/// The failure of requests whose clients all disconnected before the work started.
inline Failure nobody_waits() {
  Failure failure{FailureKind::unavailable, "the client has left"};
  failure.given_up = true;
  return failure;
}

/// Routes a request to the home loop of its digest or tag. Any thread.
class ObjectRouter {
 public:
  virtual ~ObjectRouter() = default;
  virtual void route(ObjectRequest request) = 0;
  virtual void route(TagRequest request) = 0;
};

}  // namespace entrepot::cache
