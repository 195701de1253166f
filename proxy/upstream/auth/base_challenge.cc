// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/auth/base_challenge.h"

#include <utility>

namespace entrepot::upstream {

class BaseChallenge::Waiter : public Wait {
 public:
  Waiter(std::list<Waiter*>& others, Sink& sink) : others_(&others), sink_(sink) {
    place_ = others.insert(others.end(), this);
  }
  ~Waiter() override {
    if (others_ != nullptr) others_->erase(place_);
  }
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  /// It waits no more.
  Sink& leave() {
    std::exchange(others_, nullptr)->erase(place_);
    return sink_;
  }

 private:
  std::list<Waiter*>* others_;  ///< null after leave()
  Sink& sink_;
  std::list<Waiter*>::iterator place_;
};

BaseChallenge::BaseChallenge(CurlMulti& multi, TransferRequest request, const Timeouts& timeouts,
                             const metrics::EndpointMetrics& metrics)
    : multi_(multi), request_(std::move(request)), timeouts_(timeouts), metrics_(metrics) {}

BaseChallenge::~BaseChallenge() {
  while (!waiters_.empty()) waiters_.front()->leave();
}

std::optional<BaseAnswer> BaseChallenge::look() const {
  multi_.loop().assert_in_loop();
  if (transfer_ || Clock::now() >= known_until_) return std::nullopt;
  return answer_;
}

std::unique_ptr<BaseChallenge::Wait> BaseChallenge::request(Sink& sink) {
  multi_.loop().assert_in_loop();
  if (!transfer_) {
    answer_ = {};
    TransferSink& self = *this;
    transfer_ = multi_.start(request_, self);
  }
  return std::make_unique<Waiter>(waiters_, sink);
}

Disposition BaseChallenge::on_head(const ResponseHead& head) {
  metrics_.request(metrics::Kind::ping, head.status);
  answer_.answered = head.status < 500 && head.status != 429;
  if (head.status == 401) answer_.challenges = parse_challenges(head.www_authenticate);
  return Disposition::discard;
}

void BaseChallenge::on_end(const TransferEnd& end) {
  const std::unique_ptr<Transfer> ended = std::move(transfer_);
  if (!answer_.answered && end.reason) metrics_.failure(*end.reason);
  known_until_ =
      Clock::now() + (answer_.answered ? timeouts_.base_challenge : timeouts_.base_failed);
  // A sink may request again from within the call, and then gets the remembered answer.
  const BaseAnswer answer = answer_;
  while (!waiters_.empty()) waiters_.front()->leave().on_base_answer(answer);
}

}  // namespace entrepot::upstream
