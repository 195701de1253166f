// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/auth/base_challenge.h"

#include <utility>

#include "proxy/upstream/transfer/failures.h"

namespace entrepot::upstream {

BaseChallenge::BaseChallenge(CurlMulti& multi, TransferRequest request, const Timeouts& timeouts,
                             const metrics::EndpointMetrics& metrics)
    : multi_(multi), request_(std::move(request)), timeouts_(timeouts), metrics_(metrics) {}

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
  return waiters_.add(sink);
}

Disposition BaseChallenge::on_head(const ResponseHead& head) {
  metrics_.request(metrics::Kind::ping, head.status);
  answer_.status = head.status;
  answer_.page = is_page(head);
  answer_.answered = head.status < 500 && head.status != 429;
  if (head.status == 401) answer_.challenges = parse_challenges(head.www_authenticate);
  return Disposition::discard;
}

void BaseChallenge::on_end(const TransferEnd& end) {
  const std::unique_ptr<Transfer> ended = std::move(transfer_);
  if (!answer_.answered && end.reason) metrics_.failure(*end.reason);
  if (answer_.status == 0) answer_.failure = end.detail + "; " + advice(end);
  known_until_ =
      Clock::now() + (answer_.answered ? timeouts_.base_challenge : timeouts_.base_failed);
  // A sink may request again from within the call, and then gets the remembered answer.
  const BaseAnswer answer = answer_;
  waiters_.deliver([&](Sink& sink) { sink.on_base_answer(answer); });
}

}  // namespace entrepot::upstream
