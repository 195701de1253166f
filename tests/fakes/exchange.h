// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/http/exchange.h"

namespace entrepot::fakes {

/// A reply as a client would see it.
struct Reply {
  int status = 0;
  std::map<std::string, std::string> fields;  ///< a name that comes twice fails the test
  /// nullopt: the reply has no Content-Length.
  std::optional<std::uint64_t> content_length;
  /// Empty for HEAD; for a growing body the bytes available at the reply.
  std::string body;
  /// The growing body, for tests that read more of it later.
  std::unique_ptr<http::Body> live;
  /// The blocks that the reply refers to instead of copying them.
  std::vector<std::shared_ptr<const std::string>> shared;

  std::string field(const std::string& name) const {
    const auto entry = fields.find(name);
    return entry == fields.end() ? "" : entry->second;
  }
};

/// An exchange without a connection: parses a request as the server does and keeps the reply.
class Exchange final : public http::Exchange {
 public:
  /// `head`: the request line and the fields, CRLF and all, with the empty line. Throws
  /// std::invalid_argument when the server would not have let it through.
  explicit Exchange(std::string_view head);

  const http::Request& request() const override { return request_; }
  bool closed() const override { return closed_; }
  cache::Executor& executor() const override;
  const http::Peer& peer() const override { return peer_; }
  bool begin_request(std::string_view name) override {
    client_name = name;
    return !requests_refused;
  }
  bool begin_miss() override { return !misses_refused; }
  http::ClientAddress client() const override { return peer_.address; }
  void reply(const http::ReplyHead& head, std::string_view body) override;
  void reply(const http::ReplyHead& head, std::span<const http::SharedText> texts) override;
  void reply(const http::ReplyHead& head, std::unique_ptr<http::Body> body,
             http::Pieces pieces) override;
  void reply_head(const http::ReplyHead& head, std::uint64_t content_length) override;

  /// The answers of begin_request() and begin_miss() are no.
  bool requests_refused = false, misses_refused = false;
  std::optional<std::string> client_name;  ///< of begin_request()
  /// The executor that replies are posted to; outlives this. Without one, no test may call
  /// executor().
  void live_on(cache::Executor& executor) { executor_ = &executor; }
  /// The names of the client's certificate.
  void certify(std::vector<std::string> names) {
    peer_.certificate = std::make_shared<const std::vector<std::string>>(std::move(names));
  }
  /// The client is another one; the default has the address 192.0.2.7.
  void come_from(http::Peer peer) { peer_ = std::move(peer); }
  /// The client goes away.
  void close() { closed_ = true; }
  bool replied() const { return replies_ > 0; }
  const Reply& seen() const { return reply_; }
  Reply take() && { return std::move(reply_); }

 private:
  void begin(const http::ReplyHead& head, std::optional<std::uint64_t> content_length);

  http::Peer peer_{"192.0.2.7:41000", {}};
  http::Request request_;
  Reply reply_;
  cache::Executor* executor_ = nullptr;
  int replies_ = 0;
  bool closed_ = false;
};

}  // namespace entrepot::fakes
