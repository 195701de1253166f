// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <curl/curl.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "proxy/upstream/transfer/sockets.h"
#include "proxy/upstream/transfer/stall_watch.h"
#include "proxy/upstream/transfer/timer.h"
#include "proxy/upstream/transfer/transfer.h"
#include "proxy/upstream/wire/response_head.h"

struct event_base;

namespace entrepot::upstream {

/// One curl easy handle at work: its options, the callbacks libcurl calls, its deadlines. Belongs
/// to a CurlMulti, which outlives the Transfer its user holds: that is why a sink may go at any
/// moment, from within a callback too.
class CurlTransfer {
 public:
  /// What the CurlMulti does when a deadline of `running` passes: end it with `end`. Called from
  /// the top level of the loop.
  class Deadlines {
   public:
    virtual ~Deadlines() = default;
    virtual void expired(CurlTransfer& running, TransferEnd end) = 0;
  };

  CurlTransfer(event_base* base, const TransferOptions& options, TransferRequest request,
               TransferSink& sink, Deadlines& deadlines, Sockets& sockets);
  ~CurlTransfer();
  CurlTransfer(const CurlTransfer&) = delete;
  CurlTransfer& operator=(const CurlTransfer&) = delete;

  CURL* easy() const { return easy_; }
  const TransferRequest& request() const { return request_; }

  /// The CurlMulti has given it to curl: the wait for the head begins.
  void started();
  /// `user` is where the user's handle points at this; it is set to null when this ends.
  void attach(CurlTransfer** user) { user_ = user; }
  /// The user has gone: no callback from now on, and curl is told to stop at the next occasion.
  void detach();
  bool detached() const { return sink_ == nullptr; }
  /// See Transfer::hold(); the CurlMulti tells curl.
  void hold(bool on) { held_ = on; }
  /// Tells the sink, if it is still there. The last call.
  void finish(const TransferEnd& end);
  /// The kept connection curl chose was not clean, and nothing has been sent: true once, and the
  /// CurlMulti gives it to curl again, for a new connection.
  bool wants_new_connection();
  /// "name:port" of where it goes, and the address that answered; empty before one has.
  std::string host() const {
    return request_.url.host() + ":" + std::to_string(request_.url.port());
  }
  std::string answered_from() const;
  /// No connection came about: true while the host has addresses that had no chance. libcurl (7.88)
  /// gives none to those between the first and the last.
  bool wants_other_addresses(CURLcode result);
  /// `result` says that the name could not be resolved.
  bool unresolved(CURLcode result) const;
  /// The CurlMulti gives it to curl again, with this entry of CURLOPT_RESOLVE; once.
  bool resolve_by(const std::string& entry);
  /// What curl's result means, with what the callbacks noted.
  TransferEnd judge(CURLcode result) const;
  /// See Transfer::timing(); from within a callback too.
  TransferTiming timing() const;

 private:
  /// Before the final head: there is nobody who could be given bytes.
  struct NoHead {};
  struct Taken {
    BodySink* by;  ///< not null
  };
  struct Discarded {
    std::uint64_t bytes = 0;
  };
  /// The sink wants nothing of it.
  struct Refused {};

  static std::size_t header_callback(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t write_callback(char* data, std::size_t size, std::size_t count, void* self);
  static curl_socket_t open_socket(void* self, curlsocktype purpose, curl_sockaddr* address);
  static int close_socket(void* sockets, curl_socket_t fd);
  static int before_request(void* self, char* remote_ip, char* local_ip, int remote_port,
                            int local_port);

  void set_options(const TransferOptions& options);
  void set_callbacks();
  void set_headers();
  void count_dial(const curl_sockaddr& address);
  /// A final head has come, whatever became of it.
  bool has_head() const { return !std::holds_alternative<NoHead>(body_); }
  bool head_complete();
  bool take(std::span<const std::byte> data);
  void check_progress();

  TransferRequest request_;
  const std::chrono::milliseconds head_deadline_;
  std::optional<std::chrono::steady_clock::time_point> started_at_;
  TransferSink* sink_;  ///< null once detached or finished
  CurlTransfer** user_ = nullptr;
  Deadlines& deadlines_;
  Sockets& sockets_;
  CURL* easy_;                     // owned
  curl_slist* headers_ = nullptr;  // owned
  curl_slist* resolve_ = nullptr;  // owned
  char error_[CURL_ERROR_SIZE] = {};

  HeadReader reader_;
  std::variant<NoHead, Taken, Discarded, Refused> body_;
  bool cut_ = false;       ///< a discarded body was long: ended by us, and complete all the same
  bool refused_ = false;   ///< the sink took no more
  bool held_ = false;      ///< the sink wants nothing now
  std::string forbidden_;  ///< the address classes that were not dialled
  bool dialled_ = false;   ///< some address was allowed
  bool unclean_ = false;   ///< see wants_new_connection
  int dials_ = 0;          ///< of this try
  int redials_ = 0;        ///< further tries
  std::string first_dialled_;  ///< in this try
  std::string first_ip_;       ///< its text
  std::chrono::steady_clock::time_point dialled_at_{};
  bool found_dead_ = false;
  bool skipped_ = false;        ///< an address was left out
  bool all_addresses_ = false;  ///< none is

  Timer timer_;  ///< the head's deadline, then the ticks of stall_
  StallWatch stall_;
};

}  // namespace entrepot::upstream
