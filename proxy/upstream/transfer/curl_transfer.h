// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <curl/curl.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "metrics/phase_variable.h"
#include "proxy/upstream/transfer/curl_handle.h"
#include "proxy/upstream/transfer/dial_policy.h"
#include "proxy/upstream/transfer/last_addresses.h"
#include "proxy/upstream/transfer/sockets.h"
#include "proxy/upstream/transfer/stall_watch.h"
#include "proxy/upstream/transfer/timer.h"
#include "proxy/upstream/transfer/transfer.h"
#include "proxy/upstream/transfer/transfer_phase.h"
#include "proxy/upstream/wire/response_head.h"

struct event_base;

namespace entrepot::upstream {

/// One running transfer: its easy handle, the callbacks that libcurl makes, its deadlines and its
/// phase (transfer_phase.h). A CurlMulti owns it and outlives the Transfer that the user holds, so
/// that a sink may destroy that Transfer at any moment, from within a callback too. Loop thread
/// only.
class CurlTransfer {
 public:
  /// Ends a transfer whose deadline has passed. Called from the top level of the loop; destroys
  /// the transfer.
  class Deadlines {
   public:
    virtual ~Deadlines() = default;
    virtual void expired(CurlTransfer& transfer, TransferEnd end) = 0;
  };

  /// All references outlive this, but `sink`, which may go after detach().
  CurlTransfer(event_base* base, const TransferOptions& options, TransferRequest request,
               TransferSink& sink, Deadlines& deadlines, Sockets& sockets);
  ~CurlTransfer();
  CurlTransfer(const CurlTransfer&) = delete;
  CurlTransfer& operator=(const CurlTransfer&) = delete;

  CURL* easy() const { return handle_.easy(); }
  const TransferRequest& request() const { return request_; }

  /// The CurlMulti gives the handle to libcurl: the wait for the head begins.
  void started();
  /// `user` is the user's pointer to this. finish() sets it to null.
  void attach(CurlTransfer** user) { user_ = user; }
  /// The user destroys its Transfer: no callback from now on, and libcurl stops at its next one.
  void detach();
  /// See Transfer::hold(); the CurlMulti resumes libcurl.
  void hold(bool on) { held_ = on; }
  /// Reports the end to the sink unless it is detached. The last call.
  void finish(const TransferEnd& end);
  /// True when the CurlMulti should give the handle to libcurl once more: nothing was sent, and
  /// another connection, address or name resolution may work. `result` is how libcurl ended.
  bool try_again(CURLcode result, const LastAddresses& known);
  /// Lets libcurl go on to the next address, if it has skipped a dead one and waits. Not within a
  /// callback.
  void dial_on() const;
  /// Notes the address that answered, if one has.
  void remember_address(LastAddresses& known) const;
  /// Translates libcurl's result, with the phase and the dialled addresses, to an end.
  TransferEnd judge(CURLcode result) const;
  /// See Transfer::timing(); from within a callback too.
  TransferTiming timing() const;

 private:
  static std::size_t header_callback(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t write_callback(char* data, std::size_t size, std::size_t count, void* self);

  void set_callbacks(Sockets& sockets);
  /// A final head has arrived, and the sink has decided about its body.
  bool has_head() const;
  bool refused_by_proxy() const;
  /// judge() for a failure between this process and the host, with the proxy in between.
  TransferEnd judge_proxied(CURLcode result) const;
  /// False: libcurl must stop.
  bool head_complete();
  bool take(std::span<const std::byte> data);
  void check_progress();

  TransferRequest request_;
  const std::chrono::milliseconds head_deadline_;
  std::optional<std::chrono::steady_clock::time_point> started_at_;
  TransferSink* sink_;  ///< null once abandoned or ended
  CurlTransfer** user_ = nullptr;
  Deadlines& deadlines_;

  PhaseVariable<TransferPhase> phase_{TransferPhase::created};
  std::uint64_t discarded_ = 0;  ///< bytes, while `discarding`
  bool held_ = false;            ///< the sink accepts no data now
  HeadReader reader_;

  DialPolicy dial_;
  CurlHandle handle_;  // points to dial_

  Timer timer_;  ///< the head's deadline, then the ticks of stall_
  StallWatch stall_;
};

}  // namespace entrepot::upstream
