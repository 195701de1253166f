// SPDX-License-Identifier: Apache-2.0
// A Running is in exactly one place: queue_, active_, or the local list of a function that tells
// its end. Curl's functions are called at top level only (in_curl_ is false): inside its callbacks
// they fail, so what a sink starts or cancels there is written down and done by settle().
#include "proxy/upstream/multi.h"

#include <event2/event.h>

#include <algorithm>
#include <utility>

#include "metrics/check.h"
#include "metrics/log.h"

namespace entrepot::upstream {

struct Multi::Watch {
  Watch(Multi& owner, curl_socket_t socket) : multi(owner), fd(socket) {}
  ~Watch() {
    if (event != nullptr) event_free(event);
  }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  Multi& multi;
  const curl_socket_t fd;
  struct event* event = nullptr;  // owned
};

/// What the user holds.
class Multi::Handle : public Transfer {
 public:
  Handle(Multi& multi, Running& running) : multi_(multi), running_(&running) {
    running.attach(&running_);
  }
  ~Handle() override {
    if (running_ != nullptr) multi_.cancel(*running_);
  }
  void hold(bool on) override {
    if (running_ != nullptr) multi_.hold(*running_, on);
  }
  TransferTiming timing() const override {
    return running_ == nullptr ? TransferTiming{} : running_->timing();
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

 private:
  Multi& multi_;
  Running* running_;  ///< null once it has ended
};

Multi::Multi(event_base* base, TransferOptions options, int slots)
    : base_(base),
      options_(std::move(options)),
      queue_(static_cast<std::size_t>(std::max(slots, 1))),
      timer_(base, [this] { act(CURL_SOCKET_TIMEOUT, 0); }) {
  open();
}

Multi::~Multi() {
  check(active_.empty() && queue_.empty(), "a transfer outlives its multi");
  curl_multi_cleanup(multi_);  // calls back for the sockets it closes: watches and timer still live
}

void Multi::open() {
  multi_ = curl_multi_init();
  check(multi_ != nullptr, "out of memory for a multi handle");
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &Multi::on_socket_change);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &Multi::on_timer_change);
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_NOTHING));
}

std::unique_ptr<Transfer> Multi::start(TransferRequest request, TransferSink& sink) {
  Running::Deadlines& self = *this;
  auto running =
      std::make_unique<Running>(base_, options_, std::move(request), sink, self, sockets_);
  auto handle = std::make_unique<Handle>(*this, *running);
  queue_.add(std::move(running), std::chrono::steady_clock::now());
  if (!in_curl_) admit();
  return handle;
}

void Multi::admit() {
  const auto now = std::chrono::steady_clock::now();
  while (auto running = queue_.next(now)) {
    running->started();
    const CURLMcode result = curl_multi_add_handle(multi_, running->easy());
    check(result == CURLM_OK, "curl_multi_add_handle fails");
    Running* const key = running.get();
    active_.emplace(key, std::move(running));
  }
}

std::unique_ptr<Running> Multi::remove(Running& running) {
  const auto found = active_.find(&running);
  check(found != active_.end(), "a transfer that is not active ends");
  std::unique_ptr<Running> owned = std::move(found->second);
  active_.erase(found);
  queue_.ended(*owned);
  curl_multi_remove_handle(multi_, owned->easy());
  return owned;
}

void Multi::cancel(Running& running) {
  running.detach();
  if (active_.contains(&running)) {
    if (in_curl_) {
      detached_.push_back(&running);
    } else {
      remove(running);
      admit();
    }
    return;
  }
  queue_.drop(running);
}

void Multi::hold(Running& running, bool on) {
  running.hold(on);
  if (on || !active_.contains(&running)) return;
  check(!in_curl_, "a hold ends within a callback");
  // Curl brings the piece it kept at once, from within this call.
  in_curl_ = true;
  const CURLcode result = curl_easy_pause(running.easy(), CURLPAUSE_CONT);
  in_curl_ = false;
  settle();
  // A sink that refuses within the call ends nothing by itself: curl only says so here.
  if (result != CURLE_OK && active_.contains(&running)) expired(running, running.judge(result));
}

void Multi::act(curl_socket_t fd, int mask) {
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

void Multi::settle() {
  // Detached ones first: their result interests nobody. One that ended as well is not asked twice.
  for (Running* running : std::exchange(detached_, {})) remove(*running);
  std::vector<Ended> ended;
  collect(ended);
  admit();
  for (Ended& one : ended) one.running->finish(one.end);
}

void Multi::collect(std::vector<Ended>& ended) {
  // A CURLMsg dies with remove_handle: drain the queue before anything else.
  std::vector<std::pair<Running*, CURLcode>> results;
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    Running* running = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &running);
    results.emplace_back(running, message->data.result);
  }
  for (const auto& [running, result] : results) {
    if (try_again(*running, result)) {
      curl_multi_remove_handle(multi_, running->easy());
      check(curl_multi_add_handle(multi_, running->easy()) == CURLM_OK,
            "curl_multi_add_handle fails");
      continue;
    }
    if (const auto address = running->answered_from(); !address.empty())
      last_addresses_.answered(running->host(), address, std::chrono::steady_clock::now());
    TransferEnd end = running->judge(result);
    ended.push_back({.running = remove(*running), .end = std::move(end)});
  }
}

/// Nothing has been sent yet, and there is another way.
bool Multi::try_again(Running& running, CURLcode result) {
  if (running.wants_new_connection() || running.wants_other_addresses(result)) return true;
  if (!running.unresolved(result)) return false;
  const std::string host = running.host();
  const auto now = std::chrono::steady_clock::now();
  if (!running.resolve_by(last_addresses_.resolve_entry(host, now))) return false;
  log::warn("the name of {} cannot be resolved; the address it answered from last is used", host);
  return true;
}

void Multi::expired(Running& running, TransferEnd end) {
  const std::unique_ptr<Running> owned = remove(running);
  admit();
  owned->finish(end);
}

void Multi::reset(const std::string& reason) {
  check(!in_curl_, "a multi is reset from within libcurl");
  log::error("upstream transfers restart: libcurl reports \"{}\"; this is a bug worth reporting",
             reason);
  std::vector<std::unique_ptr<Running>> victims;
  detached_.clear();
  while (!active_.empty()) victims.push_back(remove(*active_.begin()->first));
  curl_multi_cleanup(multi_);
  timer_.cancel();
  watches_.clear();
  open();
  admit();
  const TransferEnd end{.kind = TransferEnd::Kind::unreachable,
                        .reason = "reset",
                        .detail = "libcurl had to be restarted"};
  for (const auto& running : victims) running->finish(end);
}

int Multi::on_timer_change(CURLM*, long delay_ms, void* self) {
  Timer& timer = static_cast<Multi*>(self)->timer_;
  if (delay_ms < 0) {
    timer.cancel();
  } else {
    timer.set(std::chrono::milliseconds(delay_ms));
  }
  return 0;
}

int Multi::on_socket_change(CURL*, curl_socket_t fd, int what, void* self, void* watch) {
  // The handle named is ignored: sockets belong to the multi and outlive their transfers.
  auto* multi = static_cast<Multi*>(self);
  if (what == CURL_POLL_REMOVE) {
    curl_multi_assign(multi->multi_, fd, nullptr);
    multi->watches_.erase(fd);
  } else {
    multi->watch_socket(fd, what, static_cast<Watch*>(watch));
  }
  return 0;
}

void Multi::watch_socket(curl_socket_t fd, int what, Watch* watch) {
  if (watch == nullptr) {
    auto fresh = std::make_unique<Watch>(*this, fd);
    watch = fresh.get();
    watches_[fd] = std::move(fresh);
    curl_multi_assign(multi_, fd, watch);
  }
  if (watch->event != nullptr) event_free(watch->event);
  short events = EV_PERSIST;
  if ((what & CURL_POLL_IN) != 0) events = static_cast<short>(events | EV_READ);
  if ((what & CURL_POLL_OUT) != 0) events = static_cast<short>(events | EV_WRITE);
  watch->event = event_new(base_, fd, events, &Multi::on_ready, watch);
  check(watch->event != nullptr && event_add(watch->event, nullptr) == 0,
        "a socket cannot be watched");
}

void Multi::on_ready(int fd, short what, void* watch) {
  // The watch may be gone when act() returns; the multi is not.
  Multi& multi = static_cast<Watch*>(watch)->multi;
  int mask = 0;
  if ((what & EV_READ) != 0) mask |= CURL_CSELECT_IN;
  if ((what & EV_WRITE) != 0) mask |= CURL_CSELECT_OUT;
  multi.act(fd, mask);
}

}  // namespace entrepot::upstream
