// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "cache/base/executor.h"
#include "metrics/access_log.h"
#include "metrics/reasons.h"
#include "proxy/http/body.h"
#include "proxy/http/client/client_address.h"
#include "proxy/http/parse/request.h"

namespace entrepot::http {

class Connection;

/// Status and fields of a reply. The exchange adds Date, Content-Length and Connection, and the
/// fields configured for every reply.
class ReplyHead {
 public:
  explicit ReplyHead(int status) : status_(status) { fields_.reserve(usual_size); }
  /// `name` and `value` must be free of CR, LF and NUL (checked).
  ReplyHead& add(std::string_view name, std::string_view value);
  ReplyHead& add(std::string_view name, std::uint64_t value);
  int status() const { return status_; }
  /// "Name: value\r\n" lines.
  const std::string& fields() const { return fields_; }

 private:
  /// Above that of a blob, so that the fields of a hit need one allocation.
  static constexpr std::size_t usual_size = 448;

  int status_;
  std::string fields_;
};

/// The outcome of an exchange, for the access log and the metrics.
struct ReplyStats {
  int status = 0;                ///< 0: the client left before the reply
  std::uint64_t body_bytes = 0;  ///< bytes of the body that the kernel took
  std::chrono::steady_clock::time_point started, first_byte, finished;
  bool complete = false;  ///< false: the client left, or the body failed
  log::ReplyWaits waits;  ///< between the first byte and the last
};

/// One client request and its reply. Shared by its connection and the code that prepares the reply.
/// Loop thread only. When the client leaves, the exchange is closed, and a reply has no effect.
class Exchange {
 public:
  virtual ~Exchange() = default;

  virtual const Request& request() const = 0;
  /// True once the client has left or the reply has ended.
  virtual bool closed() const = 0;
  /// The loop of the exchange; other threads post their replies to it.
  virtual cache::Executor& executor() const = 0;
  /// The client of this request: that of the connection, or the one that a trusted proxy names.
  /// Valid as long as the exchange.
  virtual const Peer& peer() const = 0;
  /// Counts the exchange as a request of the client that has proven this name, or if it is empty
  /// of the client's address, and sends the reply at the pace of this client (ClientShares). False:
  /// the client has as many requests in progress as it may have, and this one has to be refused
  /// with 429. Before the reply; at most once.
  virtual bool begin_request(std::string_view name) = 0;
  /// Counts the exchange as one that waits for an upstream. False: as above. REQUIRES:
  /// begin_request().
  virtual bool begin_miss() = 0;
  /// The client for fair scheduling: after begin_request() one value for all connections of a name.
  virtual ClientAddress client() const = 0;

  // One of these, once. A reply to HEAD has the Content-Length of the body but no body.
  /// For small bodies: head and body leave in one write. `body` may be empty.
  virtual void reply(const ReplyHead& head, std::string_view body) = 0;
  /// Sends the texts in this order. The connection refers to texts that it cannot send at once.
  virtual void reply(const ReplyHead& head, std::span<const SharedText> texts) = 0;
  void reply(const ReplyHead& head, std::shared_ptr<const std::string> body) {
    const std::string_view text = *body;
    const SharedText all{std::move(body), text};
    reply(head, std::span(&all, 1));
  }
  /// Sends these pieces of `body` as they become available; those of a file by sendfile.
  virtual void reply(const ReplyHead& head, std::unique_ptr<Body> body, Pieces pieces) = 0;
  /// For HEAD and 304: sends a head with this Content-Length and no body. UINT64_MAX leaves the
  /// field out.
  virtual void reply_head(const ReplyHead& head, std::uint64_t content_length) = 0;

  /// Data of the handler for finished(); owned by the exchange.
  std::shared_ptr<void> attachment;
};

using ExchangePtr = std::shared_ptr<Exchange>;

/// Answers requests. One object serves all loops; each call is made on the loop of the exchange.
class Handler {
 public:
  virtual ~Handler() = default;
  /// A request is complete. The handler replies now or later, and keeps the pointer until then. The
  /// body of the request, if any, was read and discarded, except with POST, PUT, PATCH and DELETE,
  /// which the handler should refuse unread. OPTIONS, CONNECT and TRACE get 405 by refused()
  /// instead.
  virtual void handle(const ExchangePtr& exchange) = 0;
  /// A reply has ended, completely or not, or the client left before the reply (status 0). Called
  /// once for every handle(), and never inside reply(). A client that half-closes its connection
  /// before the reply begins counts as one that has left. After this call the exchange frees the
  /// request and the attachment, even if it is still referenced.
  virtual void finished(const Exchange& exchange, const ReplyStats& stats) = 0;
  /// A request was refused before handle(), because of its framing, a limit or a timeout. The
  /// connection closes unless the end of the request is certain. `status` 0: because of its
  /// certificate, and the client gets no reply. `reason` is static. Returns the JSON body to send
  /// with `status`, at most a few hundred bytes. `peer` may be unknown.
  virtual std::string refused(int status, std::string_view reason, const Peer& peer) = 0;
  /// The trusted proxy `proxy` has not told whose bytes it passes on, and the connection or the
  /// request is refused for `reason`. For the log; the server has counted it.
  virtual void forwarding_failed(metrics::Forwarding /*reason*/, const Peer& /*proxy*/) {}
};

}  // namespace entrepot::http
