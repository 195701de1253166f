// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/metrics.h"
#include "metrics/phase_variable.h"
#include "proxy/app/handover/channel.h"
#include "proxy/app/handover/handover_phase.h"
#include "proxy/app/handover/successor.h"
#include "proxy/base/descriptor.h"
#include "proxy/loop/loop.h"
#include "proxy/loop/readable.h"

namespace entrepot::app {

/// Lets another process take the place of this one without a refused connection or a cut reply: it
/// gets the listening sockets, then the cache, and when it serves, this process drains.
/// Predecessor is the other side. HandoverPhase has the order.
///
///   other → this   hello 1
///   this → other   listen ADDRESS    once for each listener, with its sockets
///                  end
///   other → this   release
///   this → other   released
///   other → this   serving
///   this → other   draining
///
/// A refusal is "no REASON" at any place, and the end. Control loop only, also to construct and to
/// destroy it, or while the loop does not run.
class Handover {
 public:
  /// A listener: its address as configured, and its sockets, which stay with their owner.
  struct Listener {
    std::string address;
    std::vector<int> sockets;
  };
  /// The service that is handed over. Called on the control loop.
  struct Service {
    /// Why it cannot be handed over now; empty: it can.
    std::function<std::string_view()> obstacle;
    std::function<std::vector<Listener>()> listeners;
    /// Gives the cache up, and then calls the function on the control loop; false: that failed.
    std::function<void(std::function<void(bool)>)> give_up_cache;
    /// The process `pid` serves.
    std::function<void(int pid)> handed_over;
  };

  /// `directory`: of the cache. `managed`: a service manager watches this process, and would lose
  /// sight of a process that it has not started, so only the own successor may replace it.
  Handover(loop::Loop& control, std::filesystem::path directory, bool managed, Service service,
           const metrics::Metrics& metrics);
  ~Handover();
  Handover(const Handover&) = delete;
  Handover& operator=(const Handover&) = delete;

  /// Listens for another process, from now on. A failure is logged, and then this process cannot be
  /// replaced. Not before this process serves, because the socket of the process before goes.
  void listen();
  /// Starts this program again, as the file is now, to replace this process.
  void start_successor();
  /// A child of this process has ended.
  void child_ended();
  /// Why clients should go elsewhere; empty: because of this they need not.
  std::string_view unready() const;
  /// The cache belongs, or is going, to another process.
  bool gave_up() const {
    return !phase_.is(HandoverPhase::waiting) && !phase_.is(HandoverPhase::offered);
  }
  /// Another process has the sockets and the cache, and has not ended.
  bool has_next() const { return gave_up() && !phase_.is(HandoverPhase::abandoned); }
  /// Ends the present handover and takes no other.
  void stop();

 private:
  void watch();
  void accept();
  /// Accepts nothing for a while, for want of descriptors or memory.
  void pause();
  /// Why this process may not be replaced by the one at the other end; empty: it may.
  std::string refusal(const Channel& channel) const;
  void receive();
  /// False: the message has no place here.
  bool handle(std::string_view text);
  bool offer();
  bool release();
  bool tell_released();
  void given_up(bool success);
  bool complete();
  /// The other process has gone, or is sent away for `reason`.
  void drop_peer(std::string_view reason);

  loop::Loop& control_;
  const std::filesystem::path directory_;
  const bool managed_;
  const Service service_;
  const metrics::Metrics& metrics_;
  PhaseVariable<HandoverPhase> phase_{HandoverPhase::waiting};
  Successor successor_;
  Descriptor listening_;                        // none: this process cannot be replaced
  std::unique_ptr<loop::Readable> connection_;  // null during pause_
  std::unique_ptr<loop::Loop::Timer> pause_;
  std::unique_ptr<Channel> peer_;  // null: no other process is connected
  std::unique_ptr<loop::Readable> message_;
  std::unique_ptr<loop::Loop::Timer> patience_;
};

}  // namespace entrepot::app
