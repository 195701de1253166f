// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <curl/curl.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "proxy/loop/loop.h"
#include "proxy/upstream/transfer/curl_transfer.h"
#include "proxy/upstream/transfer/last_addresses.h"
#include "proxy/upstream/transfer/socket_watch.h"
#include "proxy/upstream/transfer/sockets.h"
#include "proxy/upstream/transfer/timer.h"
#include "proxy/upstream/transfer/transfer.h"
#include "proxy/upstream/transfer/transfer_queue.h"

namespace entrepot::upstream {

/// libcurl's multi handle driven by libevent: the transfers of one upstream, their connections and
/// their queue. Loop thread only; made and destroyed there, or while the loop does not run.
class CurlMulti : private CurlTransfer::Deadlines {
 public:
  /// `loop` outlives this. `bounds`: the number of running and of waiting transfers.
  CurlMulti(loop::Loop& loop, TransferOptions options, const TransferQueue::Bounds& bounds);
  /// REQUIRES: every Transfer has been destroyed.
  ~CurlMulti() override;
  CurlMulti(const CurlMulti&) = delete;
  CurlMulti& operator=(const CurlMulti&) = delete;

  loop::Loop& loop() const { return loop_; }

  /// Starts a transfer or queues it. Calls the sink only after it has returned; the sink outlives
  /// the Transfer. May be called from within a sink.
  [[nodiscard]] std::unique_ptr<Transfer> start(TransferRequest request, TransferSink& sink);

  /// Ends every running transfer as unreachable and opens a new multi handle, after libcurl
  /// reported an error of the multi handle itself. Not from within a sink.
  void reset(const std::string& reason);

  /// Numbers of transfers.
  struct Load {
    std::size_t running = 0, queued = 0;
  };
  Load load() const { return {active_.size(), queue_.size()}; }
  /// For how long the oldest running transfer has been running; 0 if none is.
  std::chrono::nanoseconds oldest() const;
  /// A client waits for a transfer that cannot start before another ends.
  bool crowded() const { return queue_.crowded(); }
  /// Number of transfers that this mirror gave up since the start.
  struct Dropped {
    std::uint64_t left = 0;     ///< not sent: all their clients had left
    std::uint64_t full = 0;     ///< not sent: too many waited
    std::uint64_t yielded = 0;  ///< ended in favour of others that a client waited for
  };
  const Dropped& dropped() const { return dropped_; }

 private:
  class Handle;
  struct Ended {
    std::unique_ptr<CurlTransfer> running;
    TransferEnd end;
  };

  static int on_socket_change(CURL*, curl_socket_t fd, int what, void* self, void* watch);

  void open();
  void act(curl_socket_t fd, int mask);
  void settle();
  void admit();
  void begin(std::unique_ptr<TransferQueue::Waiting> waiting);
  void review();
  void dismiss();
  void end_for_others(const TransferRequest& request);
  void collect(std::vector<Ended>& ended);
  std::unique_ptr<CurlTransfer> remove(CurlTransfer& running);
  void cancel(CurlTransfer& running);
  void hold(CurlTransfer& running, bool on);
  void expired(CurlTransfer& running, TransferEnd end) override;

  loop::Loop& loop_;
  const TransferOptions options_;
  const long most_connections_;
  Sockets sockets_;
  LastAddresses last_addresses_;
  CURLM* multi_ = nullptr;  // owned
  bool in_curl_ = false;    ///< libcurl may be calling us: its functions must not be called
  const SocketWatch::Ready ready_;
  std::unordered_map<curl_socket_t, std::unique_ptr<SocketWatch>> watches_;
  std::unordered_map<CurlTransfer*, std::unique_ptr<CurlTransfer>> active_;  ///< libcurl has them
  TransferQueue queue_;                  ///< libcurl does not have them yet
  std::vector<CurlTransfer*> detached_;  ///< active ones to take from libcurl once it has returned
  Timer timer_;                          ///< curl's one timer
  Timer review_timer_;                   ///< set while there are transfers
  Timer dismiss_timer_;                  ///< set while some leave the queue
  bool reviewing_ = false;               ///< review_timer_ is set
  Dropped dropped_;
};

}  // namespace entrepot::upstream
