// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "proxy/upstream/endpoint/endpoint.h"
#include "proxy/upstream/transfer/timer.h"
#include "proxy/upstream/transfer/transfer.h"

struct event_base;

namespace entrepot::upstream {

/// Requests /v2/ of one endpoint from time to time, and reports to the endpoint whether and how
/// soon it answers. A failure is not reported if requests of clients have succeeded lately. Sends
/// nothing while requests of clients tell as much, or while the endpoint limits our rate. Loop
/// thread only.
class Probe : private TransferSink {
 public:
  /// `endpoint` outlives this. The first probe goes out with the first use.
  Probe(event_base* base, Endpoint& endpoint, std::uint64_t seed);
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  /// The endpoint's upstream is in use.
  void used();
  /// Sends a probe now, at most every two seconds.
  void hurry();

 private:
  using Clock = std::chrono::steady_clock;

  Disposition on_head(const ResponseHead& head) override;
  void on_end(const TransferEnd& end) override;

  void due();
  void ask();
  void learn(const ResponseHead& head);
  void failed(EndpointFailure reason, std::string_view why, Clock::time_point unless_works_since);
  void wait();

  Endpoint& endpoint_;
  std::uint64_t random_;
  bool used_ = false;     ///< since the last probe
  bool settled_ = false;  ///< the running probe has reported its result
  int failures_ = 0;      ///< in a row
  Clock::time_point asked_at_{};
  Clock::time_point not_before_{};  ///< it was told 429
  std::unique_ptr<Transfer> transfer_;
  Timer timer_;
};

enum class ProbeVerdict : std::uint8_t {
  up,
  unclear,  ///< an HTML page with 200: a registry's user interface or the login page of a network
  down,
};

/// Judges the answer of an endpoint to `GET /v2/`. Registries in use answer 302, 404, a bare 401 or
/// 200 without a type, although the distribution-spec allows 200, 401 and 404 only: any answer
/// except a server error and 429 is `up`. Pure; any thread.
ProbeVerdict judge_probe(const ResponseHead& head);

}  // namespace entrepot::upstream
