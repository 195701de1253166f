// SPDX-License-Identifier: Apache-2.0
// The owner may destroy this in any call: a call to it is the last thing a function does.
#include "proxy/upstream/attempt.h"

#include <utility>

namespace entrepot::upstream {
namespace {

constexpr std::chrono::milliseconds tick_length{std::chrono::seconds(1)};
/// The end of a body shorter than this says nothing about the rate.
constexpr std::uint64_t least_measured = 256 * 1024;

}  // namespace

Attempt::Attempt(event_base* base, Endpoint& endpoint, AskRequest request, Part part, Owner& owner)
    : endpoint_(endpoint),
      part_(part),
      owner_(owner),
      ask_(endpoint, std::move(request), *this),
      timer_(base, [this] { tick(); }) {}

Attempt::~Attempt() { ended(); }

std::optional<std::chrono::nanoseconds> Attempt::waited() const {
  return waiting_ ? ask_.waited() : std::nullopt;
}

void Attempt::ended() {
  waiting_ = false;
  timer_.cancel();
  if (std::exchange(taking_, false)) endpoint_.knowledge().body_ends();
}

void Attempt::start() {
  waiting_ = true;
  ask_.start();
}

void Attempt::hold(bool on) {
  held_ = on;
  spoiled_ = true;
  ask_.hold(on);
}

Disposition Attempt::on_answer(const ResponseHead& head) {
  waiting_ = false;
  taking_ = true;
  endpoint_.knowledge().body_begins();
  measure_anew();
  timer_.set(tick_length);
  return owner_.on_answer(*this, head);
}

void Attempt::on_whole() {
  measure(least_measured);
  ended();
  owner_.on_whole(*this);
}

void Attempt::on_stopped() {
  ended();
  owner_.on_stopped(*this);
}

void Attempt::on_failure(AskFailure failure) {
  ended();
  owner_.on_failure(*this, std::move(failure));
}

void Attempt::tick() {
  timer_.set(tick_length);
  const bool counts = !spoiled_;
  const double rate = measure(0);
  if (counts) owner_.on_second(*this, rate);
}

/// Ends the stretch and tells the endpoint, unless it brought less than `least` or was held.
double Attempt::measure(std::uint64_t least) {
  const auto now = Clock::now();
  const auto took = now - since_;
  if (!spoiled_ && brought_ >= least) {
    endpoint_.knowledge().received(brought_, took, now);
    endpoint_.metrics().rate().set(*endpoint_.knowledge().rate().mean());
  }
  const double rate = static_cast<double>(brought_) / std::chrono::duration<double>(took).count();
  measure_anew();
  return rate;
}

void Attempt::measure_anew() {
  since_ = Clock::now();
  brought_ = 0;
  spoiled_ = held_;
}

}  // namespace entrepot::upstream
