// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cache/base/client.h"
#include "cache/base/demand.h"
#include "metrics/reasons.h"
#include "proxy/upstream/transfer/outgoing_proxy.h"
#include "proxy/upstream/wire/response_head.h"
#include "proxy/upstream/wire/url.h"

namespace entrepot::upstream {

using metrics::EndpointFailure;

/// Settings that all transfers of an upstream share.
struct TransferOptions {
  std::string user_agent;
  std::string ca_file;  ///< empty: the system's only
  OutgoingProxy proxy = {};
  std::chrono::milliseconds connect{std::chrono::seconds(5)};
  std::chrono::milliseconds first_byte{std::chrono::seconds(30)};
  std::chrono::milliseconds stall{std::chrono::seconds(20)};
  std::uint64_t stall_bytes_per_second = 1024;
};

/// One HTTP request to one URL: no redirects, no authentication, no retries.
struct TransferRequest {
  Url url;
  bool head = false;
  /// On behalf of which repository: each has its turn.
  std::string repository = {};
  /// Complete header lines, "Name: value". Wiped after use: one may be an Authorization.
  std::vector<std::string> headers = {};
  /// Plain http may be spoken (the URL's scheme decides whether it is).
  bool plain_http = false;
  /// Addresses other than global ones (address.h) may be dialled.
  bool private_addresses = false;
  /// Has a slot of its own kind: a token, for which others already wait, or a probe.
  bool urgent = false;
  /// The clients that wait for it (cache::Requester::client): the first most_clients. It is queued
  /// in the turn of the client that comes first.
  std::vector<cache::Client> clients = {};
  static constexpr std::size_t most_clients = 4;
  /// Outlives the transfer. Null: a client waits for it until it ends.
  const cache::Demand* demand = nullptr;
};

/// The response redirects by its Location (RFC 9110 §15.4).
constexpr bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/// The sink's decision about a response's body, made when it has the head.
enum class Disposition : std::uint8_t {
  deliver,  ///< on_data() receives it
  discard,  ///< read and dropped so that the connection can be reused, or cut when it is long
  abort,    ///< the connection is cut, and the transfer ends as TransferEnd::Kind::refused
};

/// How a transfer ended.
struct TransferEnd {
  enum class Kind : std::uint8_t {
    complete,           ///< the response is whole, or its discarded body was cut
    refused,            ///< the sink aborted the response or accepted no more data
    unreachable,        ///< name, connection, or broken before or within the response
    timeout,            ///< no head in time, or a stalled body
    tls,                ///< the handshake failed for another reason than the certificate
    certificate,        ///< the peer could not be verified
    forbidden_address,  ///< every address of the host is one we must not dial
    malformed,          ///< the response breaks HTTP or our caps
    proxy,              ///< the outgoing proxy refused to connect to the host
    unwanted,           ///< ended or not sent by us: no client waits for it
    overloaded,         ///< not sent by us: too many wait
  };
  Kind kind = Kind::complete;
  /// Not set for complete and refused, and for a transfer that this mirror ended or did not send.
  std::optional<EndpointFailure> reason;
  /// One phrase for the log; no secret, no query.
  std::string detail;
};

/// Receives a response. Called on the loop thread; on_head() and on_data() from inside libcurl. Any
/// call may start and destroy transfers, its own too; a destroyed one makes no further call.
class TransferSink {
 public:
  virtual ~TransferSink() = default;
  /// The final response head, once; not when the transfer fails earlier.
  virtual Disposition on_head(const ResponseHead& head) = 0;
  /// A piece of the body as sent, valid during the call; only after on_head() returned
  /// Disposition::deliver. False: the sink accepts no more, and the transfer ends as refused.
  virtual bool on_data(std::span<const std::byte>) { return false; }
  /// The end, once, from the top level of the loop.
  virtual void on_end(const TransferEnd& result) = 0;
};

/// How long parts of a transfer took.
struct TransferTiming {
  /// Name, TCP and TLS; 0 where a kept connection was used.
  std::chrono::microseconds connect{0};
  /// From the request on the connection to the first byte of the answer.
  std::chrono::microseconds first_byte{0};
  /// Since it left the queue; nullopt while it waits there.
  std::optional<std::chrono::nanoseconds> running;
};

/// A running transfer; destroying it cancels it without a further callback.
class Transfer {
 public:
  virtual ~Transfer() = default;
  /// True: TransferSink::on_data() is not called until hold(false), and the connection is not read.
  /// The stall watch rests meanwhile. Not to be called with false from within a sink.
  virtual void hold(bool on) = 0;
  /// `client` waits for it as well.
  virtual void wanted_by(cache::Client client) = 0;
  /// Complete from on_head on, until on_end; `running` before that, too.
  virtual TransferTiming timing() const = 0;
};

}  // namespace entrepot::upstream
