// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "cache/base/executor.h"
#include "proxy/http/body.h"
#include "proxy/http/client_address.h"
#include "proxy/http/parse/request.h"

namespace entrepot::http {

class Connection;

/// Status and fields of a reply. The exchange adds Date, Content-Length and Connection, and the
/// fields configured for every reply.
class ReplyHead {
 public:
  explicit ReplyHead(int status) : status_(status) {}
  /// `name` and `value` must be free of CR, LF and NUL (checked).
  ReplyHead& add(std::string_view name, std::string_view value);
  ReplyHead& add(std::string_view name, std::uint64_t value);
  int status() const { return status_; }
  /// "Name: value\r\n" lines.
  const std::string& fields() const { return fields_; }

 private:
  int status_;
  std::string fields_;
};

/// What became of an exchange, for the access log and metrics.
struct ReplyStats {
  int status = 0;
  std::uint64_t body_bytes = 0;  ///< bytes of body handed to the kernel
  std::chrono::steady_clock::time_point started, first_byte, finished;
  bool complete = false;  ///< false: the client left, or the body failed
};

/// One client request and its reply. Shared by its connection and by whoever prepares the reply;
/// loop thread only. A client that leaves closes the exchange: from then on replying does nothing.
class Exchange {
 public:
  virtual ~Exchange() = default;

  virtual const Request& request() const = 0;
  /// True once the client is gone.
  virtual bool closed() const = 0;
  /// Its thread: replies are posted there from other threads.
  virtual cache::Executor& executor() const = 0;
  /// "address:port" of the client.
  virtual std::string_view peer() const = 0;
  /// Whose share of what is bounded per client it takes.
  virtual ClientAddress client() const = 0;
  /// The answer has to wait for an upstream. False: as many exchanges of this client do as may.
  virtual bool begin_miss() = 0;

  // Exactly one of these, once. For HEAD the body is left out and Content-Length kept.
  /// Small bodies: one write with the head. `body` may be empty.
  virtual void reply(const ReplyHead& head, std::string_view body) = 0;
  /// These texts in this order; what the client does not take at once is referred to.
  virtual void reply(const ReplyHead& head, std::span<const SharedText> texts) = 0;
  void reply(const ReplyHead& head, std::shared_ptr<const std::string> body) {
    const std::string_view text = *body;
    const SharedText all{std::move(body), text};
    reply(head, std::span(&all, 1));
  }
  /// These pieces of `body`, as they become available, from a file by sendfile.
  virtual void reply(const ReplyHead& head, std::unique_ptr<Body> body, Pieces pieces) = 0;
  /// HEAD or 304: a head with this Content-Length and no body (nullopt-like: UINT64_MAX leaves the
  /// field out).
  virtual void reply_head(const ReplyHead& head, std::uint64_t content_length) = 0;

  /// Whatever the handler wants to find again in finished(); owned by the exchange.
  std::shared_ptr<void> attachment;
};

using ExchangePtr = std::shared_ptr<Exchange>;

/// Answers requests. One object serves all loops; each call comes on the exchange's loop thread.
class Handler {
 public:
  virtual ~Handler() = default;
  /// A request is complete. Reply now or later; keep the pointer meanwhile. Its body, if it had
  /// one, was drained, except that of POST, PUT, PATCH and DELETE: those are here to be refused,
  /// unread. OPTIONS, CONNECT and TRACE never come (405 by refused()).
  virtual void handle(const ExchangePtr& exchange) = 0;
  /// A reply ended, well or not; or the client left before it was given (status 0). Called once for
  /// every handle(), and never inside a reply(). A client that half-closes its connection while
  /// its reply is still being waited for counts as gone. Behind it the request and the attachment
  /// are gone, whoever still holds the exchange.
  virtual void finished(const Exchange& exchange, const ReplyStats& stats) = 0;
  /// A request that was refused before it became an exchange (framing, limits, timeouts); the
  /// connection closes unless the request was soundly framed. `reason` is static. Returns the JSON
  /// body to send with `status`, of some hundred bytes at most. `peer` may be empty.
  virtual std::string refused(int status, std::string_view reason, std::string_view peer) = 0;
};

}  // namespace entrepot::http
