// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "proxy/upstream/ask.h"
#include "proxy/upstream/transfer/timer.h"

struct event_base;

namespace entrepot::upstream {

/// One question of an ObjectFetch to one endpoint, and what it teaches about that endpoint: the
/// speed of the body second by second, and how long it left us waiting when another was faster.
/// Loop thread only; destroying it cancels it.
class Attempt : private AskSink {
 public:
  /// Takes what an attempt brings, by the rules of AskSink. Every call may destroy the attempt.
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual Disposition on_answer(Attempt& attempt, const ResponseHead& head) = 0;
    virtual void on_whole(Attempt& attempt) = 0;
    virtual void on_stopped(Attempt& attempt) = 0;
    virtual void on_failure(Attempt& attempt, AskFailure failure) = 0;
    /// A second of the body has gone by; bytes a second is what it brought. Not while it is held.
    virtual void on_second(Attempt& attempt, double rate) = 0;
  };

  /// The part of the object that is asked for.
  struct Part {
    std::uint64_t begin = 0;
    bool ranged = false;           ///< a Range was sent
    bool instead_of_head = false;  ///< a GET of what a HEAD should have told
  };

  /// `endpoint` and `owner` outlive this.
  Attempt(event_base* base, Endpoint& endpoint, AskRequest request, Part part, Owner& owner);
  ~Attempt() override;

  /// See Ask::start(): may call the owner before it returns.
  void start();
  /// How long it has waited for an answer to what was sent; nullopt before that, and after.
  std::optional<std::chrono::nanoseconds> waited() const;
  void hold(bool on);
  void wanted_by(cache::Client client) { ask_.wanted_by(client); }

  Endpoint& endpoint() const { return endpoint_; }
  const Part& part() const { return part_; }
  /// So much more of its body has come: said by who takes it.
  void count(std::size_t bytes) { brought_ += bytes; }
  /// What it answers cannot be used, for this reason: said before the owner lets it stop.
  void reject(cache::Failure why) { rejection_ = std::move(why); }
  const std::optional<cache::Failure>& rejection() const { return rejection_; }

 private:
  using Clock = std::chrono::steady_clock;

  Disposition on_answer(const ResponseHead& head) override;
  void on_whole() override;
  void on_stopped() override;
  void on_failure(AskFailure failure) override;

  void ended();
  void tick();
  double measure(std::uint64_t least);
  void measure_anew();

  Endpoint& endpoint_;
  const Part part_;
  Owner& owner_;
  bool waiting_ = false;  ///< for a first byte
  bool taking_ = false;   ///< a body
  std::optional<cache::Failure> rejection_;

  // The stretch of the body that is measured now.
  Clock::time_point since_{};
  std::uint64_t brought_ = 0;
  bool held_ = false;
  bool spoiled_ = false;  ///< it was held for a part of the stretch

  Ask ask_;
  Timer timer_;
};

}  // namespace entrepot::upstream
