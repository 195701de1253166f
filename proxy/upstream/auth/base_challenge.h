// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "metrics/metrics.h"
#include "proxy/upstream/auth/challenge.h"
#include "proxy/upstream/auth/waiter_list.h"
#include "proxy/upstream/transfer/curl_multi.h"
#include "proxy/upstream/transfer/timeouts.h"
#include "proxy/upstream/transfer/transfer.h"

namespace entrepot::upstream {

/// The response of an endpoint to `GET /v2/` without an Authorization.
struct BaseAnswer {
  bool answered = false;                   ///< below 500, and not 429
  int status = 0;                          ///< 0: no response
  bool page = false;                       ///< HTML, and no field of a registry
  std::string failure = {};                ///< without a response: why, and what to do
  std::vector<Challenge> challenges = {};  ///< of a 401
};

/// The challenge of one endpoint's `GET /v2/` (distribution-spec, "Determining Support"), where
/// engines look first: some registries send none with their responses about content. It is
/// requested on demand, once for all that wait, and remembered for Timeouts::base_challenge. Loop
/// thread only.
class BaseChallenge : private TransferSink {
 public:
  class Sink {
   public:
    virtual ~Sink() = default;
    /// Once, from the top level of the loop. `answer` is valid during the call.
    virtual void on_base_answer(const BaseAnswer& answer) = 0;
  };

  /// A caller that waits; destroying it stops the waiting, not the request.
  using Wait = WaiterList<Sink>::Wait;

  /// `multi` outlives this. `request`: for the endpoint's /v2/, without an Authorization.
  BaseChallenge(CurlMulti& multi, TransferRequest request, const Timeouts& timeouts,
                const metrics::EndpointMetrics& metrics);
  BaseChallenge(const BaseChallenge&) = delete;
  BaseChallenge& operator=(const BaseChallenge&) = delete;

  /// The remembered response; nullopt: request() it.
  std::optional<BaseAnswer> look() const;
  /// Waits for the response; sends the request unless one is running. The sink outlives the Wait.
  [[nodiscard]] std::unique_ptr<Wait> request(Sink& sink);

 private:
  using Clock = std::chrono::steady_clock;

  Disposition on_head(const ResponseHead& head) override;
  void on_end(const TransferEnd& end) override;

  CurlMulti& multi_;
  const TransferRequest request_;
  const Timeouts timeouts_;
  const metrics::EndpointMetrics metrics_;
  BaseAnswer answer_;
  Clock::time_point known_until_{};
  WaiterList<Sink> waiters_;
  std::unique_ptr<Transfer> transfer_;
};

/// One wait for that response, with a function in place of a sink. Loop thread only; destroying it
/// stops the waiting.
class BaseAnswerWait : private BaseChallenge::Sink {
 public:
  using Done = std::function<void(const BaseAnswer& answer)>;

  /// `done` is called once, from the top level of the loop, and may destroy this.
  BaseAnswerWait(BaseChallenge& base, Done done)
      : done_(std::move(done)), wait_(base.request(*this)) {}

 private:
  void on_base_answer(const BaseAnswer& answer) override {
    const Done done = done_;
    done(answer);
  }

  const Done done_;
  const std::unique_ptr<BaseChallenge::Wait> wait_;
};

}  // namespace entrepot::upstream
