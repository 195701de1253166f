// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <curl/curl.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "proxy/upstream/transfer/curl_transfer.h"
#include "proxy/upstream/transfer/last_addresses.h"
#include "proxy/upstream/transfer/sockets.h"
#include "proxy/upstream/transfer/timer.h"
#include "proxy/upstream/transfer/transfer.h"
#include "proxy/upstream/transfer/transfer_queue.h"

struct event_base;

namespace entrepot::upstream {

/// libcurl's multi handle driven by libevent: the transfers of one upstream, their connections and
/// their queue. Loop thread only; made and destroyed there, or while the loop does not run.
class CurlMulti : private CurlTransfer::Deadlines {
 public:
  /// `bounds`: transfers at once, and that wait for their turn.
  CurlMulti(event_base* base, TransferOptions options, const TransferQueue::Bounds& bounds);
  /// REQUIRES: every Transfer has been destroyed.
  ~CurlMulti() override;
  CurlMulti(const CurlMulti&) = delete;
  CurlMulti& operator=(const CurlMulti&) = delete;

  /// Starts a transfer or queues it. Never calls the sink before it has returned; the sink outlives
  /// the Transfer. May be called from within a sink.
  [[nodiscard]] std::unique_ptr<Transfer> start(TransferRequest request, TransferSink& sink);

  /// Ends every running transfer as unreachable and begins with a fresh multi handle: what is left
  /// to do when libcurl reports an error of the multi itself. Not from within a sink.
  void reset(const std::string& reason);

  std::size_t running() const { return active_.size(); }
  std::size_t queued() const { return queue_.size(); }
  /// Somebody waits for one that cannot begin before another ends.
  bool crowded() const { return queue_.crowded(); }
  /// Transfers that this mirror gave up, since the start.
  struct Dropped {
    std::uint64_t left = 0;     ///< not sent: all who waited had left
    std::uint64_t full = 0;     ///< not sent: too many waited
    std::uint64_t yielded = 0;  ///< ended, as nobody waited for it and others did
  };
  const Dropped& dropped() const { return dropped_; }

 private:
  class Handle;
  struct Watch;
  struct Ended {
    std::unique_ptr<CurlTransfer> running;
    TransferEnd end;
  };

  static int on_socket_change(CURL*, curl_socket_t fd, int what, void* self, void* watch);
  static int on_timer_change(CURLM*, long delay_ms, void* self);
  static void on_ready(int fd, short what, void* watch);

  void open();
  void watch_socket(curl_socket_t fd, int what, Watch* watch);
  void act(curl_socket_t fd, int mask);
  void settle();
  void admit();
  void begin(std::unique_ptr<TransferQueue::Waiting> waiting);
  void review();
  void dismiss();
  void end_for_others(const TransferRequest& request);
  void collect(std::vector<Ended>& ended);
  bool try_again(CurlTransfer& running, CURLcode result);
  std::unique_ptr<CurlTransfer> remove(CurlTransfer& running);
  void cancel(CurlTransfer& running);
  void hold(CurlTransfer& running, bool on);
  void expired(CurlTransfer& running, TransferEnd end) override;

  event_base* const base_;
  const TransferOptions options_;
  Sockets sockets_;
  LastAddresses last_addresses_;
  CURLM* multi_ = nullptr;  // owned
  bool in_curl_ = false;    ///< curl may be calling us: its functions must not be called
  std::unordered_map<curl_socket_t, std::unique_ptr<Watch>> watches_;
  std::unordered_map<CurlTransfer*, std::unique_ptr<CurlTransfer>> active_;  ///< curl has them
  TransferQueue queue_;                  ///< curl has them not yet
  std::vector<CurlTransfer*> detached_;  ///< active ones to take from curl once it has returned
  Timer timer_;                          ///< curl's one timer
  Timer review_timer_;                   ///< set while there are transfers
  Timer dismiss_timer_;                  ///< set while some leave the queue
  bool reviewing_ = false;               ///< review_timer_ is set
  Dropped dropped_;
};

}  // namespace entrepot::upstream
