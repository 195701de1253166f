// SPDX-License-Identifier: Apache-2.0
// queue_ holds a request and its sink; begin() makes a CurlTransfer of them, with an easy handle.
// It is in exactly one place: active_, or the local list of a function that reports its end.
// libcurl's functions fail inside its callbacks, so this calls them at top level only (in_curl_ is
// false): settle() carries out the starts and cancellations that a sink requests inside a callback.
#include "proxy/upstream/transfer/curl_multi.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <ranges>
#include <utility>

#include "metrics/check.h"
#include "metrics/log.h"

namespace entrepot::upstream {
namespace {

constexpr std::chrono::milliseconds review_interval{250};

int on_timer_change(CURLM*, long delay_ms, void* self) {
  Timer& timer = *static_cast<Timer*>(self);
  if (delay_ms < 0) {
    timer.cancel();
  } else {
    timer.set(std::chrono::milliseconds(delay_ms));
  }
  return 0;
}

}  // namespace

/// The Transfer that the user owns.
class CurlMulti::Handle : public Transfer {
 public:
  explicit Handle(CurlMulti& multi) : multi_(multi) {}
  ~Handle() override {
    if (running_ != nullptr) multi_.cancel(*running_);
    if (ticket_) multi_.queue_.drop(*ticket_);
  }
  void waits(TransferQueue::Ticket ticket) { ticket_ = ticket; }
  void begins(CurlTransfer& running) {
    ticket_.reset();
    running_ = &running;
    running.attach(&running_);
    running.hold(held_);
  }
  /// The queue dropped it.
  void leaves() { ticket_.reset(); }

  void hold(bool on) override {
    multi_.loop_.assert_in_loop();
    held_ = on;
    if (running_ != nullptr) multi_.hold(*running_, on);
  }
  void wanted_by(cache::Client client) override {
    multi_.loop_.assert_in_loop();
    if (ticket_) multi_.queue_.wanted_by(*ticket_, client);
  }
  TransferTiming timing() const override {
    multi_.loop_.assert_in_loop();
    return running_ == nullptr ? TransferTiming{} : running_->timing();
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

 private:
  CurlMulti& multi_;
  std::optional<TransferQueue::Ticket> ticket_;  ///< while it waits
  CurlTransfer* running_ = nullptr;              ///< from its turn to its end
  bool held_ = false;
};

CurlMulti::CurlMulti(loop::Loop& loop, TransferOptions options, const TransferQueue::Bounds& bounds)
    : loop_(loop),
      options_(std::move(options)),
      most_connections_(static_cast<long>(bounds.most_running())),
      ready_([this](curl_socket_t fd, int mask) { act(fd, mask); }),
      queue_(bounds),
      timer_(loop.base(), [this] { act(CURL_SOCKET_TIMEOUT, 0); }),
      review_timer_(loop.base(), [this] { review(); }),
      dismiss_timer_(loop.base(), [this] { dismiss(); }) {
  open();
}

std::chrono::nanoseconds CurlMulti::oldest() const {
  std::chrono::nanoseconds oldest{0};
  for (const auto& [running, owned] : active_)
    oldest = std::max(oldest, running->timing().running.value_or(std::chrono::nanoseconds(0)));
  return oldest;
}

CurlMulti::~CurlMulti() {
  check(active_.empty() && queue_.empty(), "a transfer outlives its multi");
  curl_multi_cleanup(multi_);  // calls back for the sockets it closes: uses watches_ and timer_
}

void CurlMulti::open() {
  multi_ = curl_multi_init();
  check(multi_ != nullptr, "out of memory for a multi handle");
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &CurlMulti::on_socket_change);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &on_timer_change);
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, &timer_);
  curl_multi_setopt(multi_, CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_NOTHING));
  // By default libcurl keeps four connections for each handle that it has at the moment, so that a
  // quiet time after a burst closes most of them, and the next burst dials again.
  curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, most_connections_);
}

std::unique_ptr<Transfer> CurlMulti::start(TransferRequest request, TransferSink& sink) {
  loop_.assert_in_loop();
  auto handle = std::make_unique<Handle>(*this);
  handle->waits(
      queue_.add(std::make_unique<TransferQueue::Waiting>(std::move(request), sink, *handle)));
  if (!std::exchange(reviewing_, true)) review_timer_.set(review_interval);
  if (!in_curl_) admit();
  return handle;
}

void CurlMulti::admit() {
  while (auto waiting = queue_.next()) begin(std::move(waiting));
  // Not from here: start() promises to call no sink.
  if (queue_.has_leaving()) dismiss_timer_.set(std::chrono::milliseconds(0));
}

void CurlMulti::begin(std::unique_ptr<TransferQueue::Waiting> waiting) {
  CurlTransfer::Deadlines& self = *this;
  auto running = std::make_unique<CurlTransfer>(loop_.base(), options_, std::move(waiting->request),
                                                waiting->sink, self, sockets_);
  static_cast<Handle&>(waiting->handle).begins(*running);
  queue_.began(running->request(), *waiting);
  running->started();
  const CURLMcode result = curl_multi_add_handle(multi_, running->easy());
  check(result == CURLM_OK, "curl_multi_add_handle fails");
  CurlTransfer* const key = running.get();
  active_.emplace(key, std::move(running));
}

/// Runs at intervals while there are transfers: their clients may have left.
void CurlMulti::review() {
  reviewing_ = false;
  queue_.sweep();
  for (const TransferRequest* request : queue_.to_end(std::chrono::steady_clock::now()))
    end_for_others(*request);
  dismiss();
  if (!active_.empty() || !queue_.empty()) {
    reviewing_ = true;
    review_timer_.set(review_interval);
  }
}

void CurlMulti::end_for_others(const TransferRequest& request) {
  // The end of one transfer may have ended others.
  const auto found = std::ranges::find_if(
      active_, [&request](const auto& one) { return &one.second->request() == &request; });
  if (found == active_.end()) return;
  ++dropped_.yielded;
  expired(*found->first, {.kind = TransferEnd::Kind::unwanted,
                          .reason = {},
                          .detail = "others wait, and nobody does for it"});
}

/// Reports the end of transfers that left the queue, from the top level of the loop.
void CurlMulti::dismiss() {
  while (const auto leaving = queue_.take_leaving()) {
    const bool full = leaving->why == TransferEnd::Kind::overloaded;
    ++(full ? dropped_.full : dropped_.left);
    static_cast<Handle&>(leaving->waiting->handle).leaves();
    leaving->waiting->sink.on_end(
        {.kind = leaving->why,
         .reason = {},
         .detail = full ? "too many requests to this upstream wait" : "nobody waits for it"});
  }
  admit();
}

std::unique_ptr<CurlTransfer> CurlMulti::remove(CurlTransfer& running) {
  const auto found = active_.find(&running);
  check(found != active_.end(), "a transfer that is not active ends");
  std::unique_ptr<CurlTransfer> owned = std::move(found->second);
  active_.erase(found);
  queue_.ended(owned->request());
  curl_multi_remove_handle(multi_, owned->easy());
  return owned;
}

void CurlMulti::cancel(CurlTransfer& running) {
  running.detach();
  if (!active_.contains(&running)) return;  // its end is being reported
  if (in_curl_) {
    queue_.forget_demand(running.request());
    detached_.push_back(&running);
  } else {
    remove(running);
    admit();
  }
}

void CurlMulti::hold(CurlTransfer& running, bool on) {
  running.hold(on);
  if (on || !active_.contains(&running)) return;
  check(!in_curl_, "a hold ends within a callback");
  // libcurl passes the piece it kept from within this call.
  in_curl_ = true;
  const CURLcode result = curl_easy_pause(running.easy(), CURLPAUSE_CONT);
  in_curl_ = false;
  settle();
  // When a sink refuses data within the call, only this result says so.
  if (result != CURLE_OK && active_.contains(&running)) expired(running, running.judge(result));
}

void CurlMulti::act(curl_socket_t fd, int mask) {
  int still_running = 0;
  in_curl_ = true;
  const CURLMcode result = curl_multi_socket_action(multi_, fd, mask, &still_running);
  in_curl_ = false;
  if (result != CURLM_OK) {
    reset(curl_multi_strerror(result));
    return;
  }
  settle();
}

void CurlMulti::settle() {
  // Detached ones first: their results do not matter, and collect() must not see them.
  for (CurlTransfer* running : std::exchange(detached_, {})) remove(*running);
  std::vector<Ended> ended;
  collect(ended);
  if (sockets_.take_skip()) {
    in_curl_ = true;
    for (const auto& [running, owned] : active_) running->dial_on();
    in_curl_ = false;
  }
  admit();
  for (Ended& one : ended) one.running->finish(one.end);
}

void CurlMulti::collect(std::vector<Ended>& ended) {
  // A CURLMsg dies with remove_handle: drain the queue before anything else.
  std::vector<std::pair<CurlTransfer*, CURLcode>> results;
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    CurlTransfer* running = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &running);
    results.emplace_back(running, message->data.result);
  }
  for (const auto& [running, result] : results) {
    if (running->try_again(result, last_addresses_)) {
      curl_multi_remove_handle(multi_, running->easy());
      check(curl_multi_add_handle(multi_, running->easy()) == CURLM_OK,
            "curl_multi_add_handle fails");
      continue;
    }
    running->remember_address(last_addresses_);
    TransferEnd end = running->judge(result);
    ended.push_back({.running = remove(*running), .end = std::move(end)});
  }
}

void CurlMulti::expired(CurlTransfer& running, TransferEnd end) {
  const std::unique_ptr<CurlTransfer> owned = remove(running);
  admit();
  owned->finish(end);
}

void CurlMulti::reset(const std::string& reason) {
  loop_.assert_in_loop();
  check(!in_curl_, "a multi is reset from within libcurl");
  log::error("upstream transfers restart: libcurl reports \"{}\"; this is a bug worth reporting",
             reason);
  std::vector<std::unique_ptr<CurlTransfer>> victims;
  detached_.clear();
  while (!active_.empty()) victims.push_back(remove(*active_.begin()->first));
  curl_multi_cleanup(multi_);
  timer_.cancel();
  watches_.clear();
  open();
  admit();
  const TransferEnd end{.kind = TransferEnd::Kind::unreachable,
                        .reason = EndpointFailure::reset,
                        .detail = "libcurl had to be restarted"};
  for (const auto& running : victims) running->finish(end);
}

int CurlMulti::on_socket_change(CURL*, curl_socket_t fd, int what, void* self, void* known) {
  // The easy handle does not matter: sockets belong to the multi handle and outlive their
  // transfers.
  CurlMulti& multi = *static_cast<CurlMulti*>(self);
  if (what == CURL_POLL_REMOVE) {
    curl_multi_assign(multi.multi_, fd, nullptr);
    multi.watches_.erase(fd);
    return 0;
  }
  auto* watch = static_cast<SocketWatch*>(known);
  if (watch == nullptr) {
    auto& made = multi.watches_[fd];
    made = std::make_unique<SocketWatch>(multi.loop_.base(), fd, multi.ready_);
    watch = made.get();
    curl_multi_assign(multi.multi_, fd, watch);
  }
  watch->listen(what);
  return 0;
}

}  // namespace entrepot::upstream
