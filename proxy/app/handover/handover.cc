// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/handover/handover.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <span>
#include <system_error>
#include <utility>

#include "metrics/log.h"
#include "proxy/app/handover/descriptor_message.h"

namespace entrepot::app {
namespace {

using metrics::HandoverResult;
using Phase = HandoverPhase;

/// A process that has the sockets and does not go on would keep others out.
constexpr std::chrono::seconds longest_offer{60};
/// A process that opens the cache for longer is reported.
constexpr std::chrono::seconds longest_opening{60};

/// The next try after the system had no descriptor left.
constexpr std::chrono::seconds pause_of_accept{1};

constexpr std::string_view hello = "hello 1";

}  // namespace

Handover::Handover(loop::Loop& control, std::filesystem::path directory, bool managed,
                   Service service, const metrics::Metrics& metrics)
    : control_(control),
      directory_(std::move(directory)),
      managed_(managed),
      service_(std::move(service)),
      metrics_(metrics) {}

void Handover::listen() {
  control_.assert_in_loop();
  try {
    listening_ = listen_for_handover(directory_);
    watch();
  } catch (const std::system_error& error) {
    log::warn("this process cannot be replaced while it serves (serve --replace): {}",
              error.what());
  }
}

Handover::~Handover() { control_.assert_in_loop(); }

void Handover::stop() {
  control_.assert_in_loop();
  pause_.reset();
  connection_.reset();
  listening_ = {};
  message_.reset();
  peer_.reset();
  patience_.reset();
}

std::string_view Handover::unready() const {
  if (phase_.is(Phase::late)) return "the process that has the cache does not serve yet";
  return phase_.is(Phase::abandoned) ? "the process that has the cache has ended" : "";
}

void Handover::start_successor() {
  control_.assert_in_loop();
  const std::string fault =
      listening_ ? successor_.start() : std::string("it does not listen for one");
  if (fault.empty())
    return log::info("SIGUSR2: the process {} is started to replace this one", *successor_.pid());
  metrics_.handovers(HandoverResult::failed).add();
  log::error("SIGUSR2: no process is started to replace this one: {}", fault);
}

void Handover::child_ended() {
  control_.assert_in_loop();
  const auto pid = successor_.pid();
  const std::string how = successor_.end();
  if (how.empty() || phase_.is(Phase::done)) return;
  if (peer_ == nullptr) metrics_.handovers(HandoverResult::failed).add();
  log::error("the process {}, which was to replace this one, has ended ({}); its lines are above",
             *pid, how);
}

void Handover::watch() {
  connection_ = std::make_unique<loop::Readable>(control_, listening_.get(), [this] { accept(); });
}

void Handover::pause() {
  connection_.reset();
  pause_ = control_.after(pause_of_accept, [this] { watch(); });
}

void Handover::accept() {
  while (true) {
    Descriptor socket(::accept4(listening_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!socket && errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) return pause();
    if (!socket) return;
    auto channel = std::make_unique<Channel>(std::move(socket));
    const std::string reason = refusal(*channel);
    if (!reason.empty()) {
      static_cast<void>(channel->send("no " + reason));
      continue;
    }
    peer_ = std::move(channel);
    message_ = std::make_unique<loop::Readable>(control_, peer_->fd(), [this] { receive(); });
    patience_ =
        control_.after(longest_offer, [this] { drop_peer("it has not gone on for a minute"); });
  }
}

std::string Handover::refusal(const Channel& channel) const {
  const auto peer = channel.peer();
  // The files of another user, also those of root, could not be opened by the next process.
  if (peer.uid != static_cast<int>(::geteuid()))
    return "only a process of the same user may replace it";
  if (peer_ != nullptr || phase_.is(Phase::releasing))
    return "another process is replacing it already";
  if (const auto obstacle = service_.obstacle(); !obstacle.empty()) return std::string(obstacle);
  if (managed_ && successor_.pid() != peer.pid)
    return "a service manager watches the running process, and would end the service with it; send "
           "it SIGUSR2 instead (systemctl kill --kill-who=main --signal=SIGUSR2 entrepot)";
  return {};
}

void Handover::receive() {
  while (peer_ != nullptr) {
    const auto received = peer_->receive();
    if (received.closed) return drop_peer("it has ended");
    if (!received.message) return;
    if (!handle(received.message->text)) return drop_peer("it sent an unknown message");
  }
}

bool Handover::handle(std::string_view text) {
  if (text == hello) return offer();
  if (text == "release") return release();
  return text == "serving" && complete();
}

bool Handover::offer() {
  if (!phase_.is(Phase::waiting) && !phase_.is(Phase::abandoned)) return false;
  for (const Listener& listener : service_.listeners()) {
    // Beyond the bound, this process accepts what is in the queues of the others.
    const std::span<const int> all(listener.sockets);
    const auto some = all.first(std::min(all.size(), DescriptorMessage::most_descriptors));
    if (!peer_->send("listen " + listener.address, some)) return false;
  }
  if (!peer_->send("end")) return false;
  phase_.enter(phase_.is(Phase::waiting) ? Phase::offered : Phase::released);
  return true;
}

/// This process has nothing more to give.
bool Handover::tell_released() {
  patience_ = control_.after(longest_opening, [this] {
    phase_.enter(Phase::late);
    log::error(
        "the process {} has had the cache for a minute and does not serve. This one serves what is "
        "stored and stores nothing; look at the other one, or end it",
        peer_->peer().pid);
  });
  return peer_->send("released");
}

bool Handover::release() {
  if (phase_.is(Phase::released)) return tell_released();
  if (!phase_.is(Phase::offered)) return false;
  phase_.enter(Phase::releasing);
  patience_.reset();
  log::info("the process {} replaces this one: the cache goes to it", peer_->peer().pid);
  service_.give_up_cache([this](bool success) { given_up(success); });
  return true;
}

void Handover::given_up(bool success) {
  control_.assert_in_loop();
  if (!phase_.is(Phase::releasing)) return;
  if (!success) {
    phase_.enter(Phase::waiting);
    if (peer_ != nullptr)
      static_cast<void>(
          peer_->send("no its index has failed; stop it, and start this one without "
                      "--replace"));
    return drop_peer("the index has failed and cannot be given to it");
  }
  phase_.enter(Phase::released);
  if (peer_ == nullptr || !tell_released()) drop_peer("it has ended");
}

bool Handover::complete() {
  if (!phase_.is(Phase::released) && !phase_.is(Phase::late)) return false;
  phase_.enter(Phase::done);
  metrics_.handovers(HandoverResult::done).add();
  const int pid = peer_->peer().pid;
  log::info("the process {} has replaced this one", pid);
  service_.handed_over(pid);
  static_cast<void>(peer_->send("draining"));
  stop();
  return true;
}

void Handover::drop_peer(std::string_view reason) {
  patience_.reset();
  message_.reset();
  const bool connected = std::exchange(peer_, nullptr) != nullptr;
  if (connected) metrics_.handovers(HandoverResult::failed).add();
  switch (phase_.get()) {
    case Phase::offered:
      phase_.enter(Phase::waiting);
      [[fallthrough]];
    case Phase::waiting:
      return log::error("the process that was to replace this one is given up: {}", reason);
    case Phase::released:
    case Phase::late:
      phase_.enter(Phase::abandoned);
      return log::error(
          "the process that was to replace this one is given up: {}. It has had the cache, so this "
          "one serves what is stored and stores nothing; start another one (serve --replace)",
          reason);
    case Phase::releasing:  // given_up() follows
    case Phase::abandoned:
    case Phase::done:
      return;
  }
}

}  // namespace entrepot::app
