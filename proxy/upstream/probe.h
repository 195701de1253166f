// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "proxy/upstream/endpoint.h"
#include "proxy/upstream/timer.h"
#include "proxy/upstream/transfer.h"

struct event_base;

namespace entrepot::upstream {

/// Asks one endpoint for /v2/ now and then: whether it answers, as a registry does, and how soon.
/// What it learns goes to the endpoint. Nothing is asked while real questions tell as much, or
/// while the endpoint limits our rate. Loop thread only.
class Probe : private TransferSink {
 public:
  /// `endpoint` outlives this. The first probe goes out with the first use.
  Probe(event_base* base, Endpoint& endpoint, std::uint64_t seed);
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  /// The endpoint's upstream is in use.
  void used();
  /// What this endpoint can do is wanted now; heard once in a while only.
  void hurry();

 private:
  using Clock = std::chrono::steady_clock;

  Disposition on_head(const ResponseHead& head) override;
  void on_end(const TransferEnd& end) override;

  void due();
  void ask();
  void learn(const ResponseHead& head);
  void failed(std::string_view why);
  void wait();

  Endpoint& endpoint_;
  std::uint64_t random_;
  bool used_ = false;     ///< since the last probe
  bool settled_ = false;  ///< the probe under way has said what it had to
  int failures_ = 0;      ///< in a row
  Clock::time_point asked_at_{};
  Clock::time_point not_before_{};  ///< it was told 429
  std::unique_ptr<Transfer> transfer_;
  Timer timer_;
};

/// Whether this is how a registry answers `GET /v2/` (distribution-spec, "Determining Support"):
/// 200 with JSON or with Docker-Distribution-API-Version, or 401 with a challenge we understand. A
/// captive portal's or a web server's page is not. Pure; any thread.
bool is_registry_answer(const ResponseHead& head);

}  // namespace entrepot::upstream
