// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/connection_exchange.h"

#include <utility>

#include "metrics/check.h"
#include "proxy/http/connection.h"
#include "proxy/loop/loop.h"

namespace entrepot::http {

Connection* ConnectionExchange::begin_reply() {
  loop_.assert_in_loop();
  if (connection_ == nullptr) return nullptr;
  check(!std::exchange(replied_, true), "an exchange replied to twice");
  return connection_;
}

bool ConnectionExchange::begin_miss() {
  loop_.assert_in_loop();
  return connection_ == nullptr || connection_->begin_miss();
}

void ConnectionExchange::reply(const ReplyHead& head, std::string_view body) {
  if (Connection* connection = begin_reply()) connection->reply(head, body);
}

void ConnectionExchange::reply(const ReplyHead& head, std::span<const SharedText> texts) {
  if (Connection* connection = begin_reply()) connection->reply(head, texts);
}

void ConnectionExchange::reply(const ReplyHead& head, std::unique_ptr<Body> body, Pieces pieces) {
  if (Connection* connection = begin_reply())
    connection->reply(head, std::move(body), std::move(pieces));
}

void ConnectionExchange::reply_head(const ReplyHead& head, std::uint64_t content_length) {
  if (Connection* connection = begin_reply()) connection->reply_head(head, content_length);
}

}  // namespace entrepot::http
