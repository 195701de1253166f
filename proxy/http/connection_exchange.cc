// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/connection_exchange.h"

#include <utility>

#include "metrics/check.h"
#include "proxy/http/connection.h"
#include "proxy/loop/loop.h"

namespace entrepot::http {

bool ConnectionExchange::begin_reply() {
  loop_.assert_in_loop();
  if (connection_ == nullptr) return false;
  check(!std::exchange(replied_, true), "an exchange replied to twice");
  return true;
}

bool ConnectionExchange::begin_request(std::string_view name) {
  loop_.assert_in_loop();
  if (connection_ == nullptr) return true;
  if (!connection_->bounds().begin_request(peer_->address, name)) return false;
  if (Pace* pace = connection_->bounds().pace()) connection_->sender().set_pace(*pace, wake());
  return true;
}

std::function<void()> ConnectionExchange::wake() const {
  return [weak = connection_->weak_from_this()] {
    if (const auto connection = weak.lock()) connection->drive();
  };
}

bool ConnectionExchange::begin_miss() {
  loop_.assert_in_loop();
  return connection_ == nullptr || connection_->bounds().begin_miss();
}

ClientAddress ConnectionExchange::client() const {
  loop_.assert_in_loop();
  return connection_ == nullptr ? peer_->address : connection_->bounds().client(peer_->address);
}

void ConnectionExchange::reply(const ReplyHead& head, std::string_view body) {
  if (!begin_reply()) return;
  connection_->sender().reply(head, body);
  connection_->continue_reply();
}

void ConnectionExchange::reply(const ReplyHead& head, std::span<const SharedText> texts) {
  if (!begin_reply()) return;
  connection_->sender().reply(head, texts);
  connection_->continue_reply();
}

void ConnectionExchange::reply(const ReplyHead& head, std::unique_ptr<Body> body, Pieces pieces) {
  if (!begin_reply()) return;
  connection_->sender().reply(head, std::move(body), std::move(pieces), wake());
  connection_->continue_reply();
}

void ConnectionExchange::reply_head(const ReplyHead& head, std::uint64_t content_length) {
  if (!begin_reply()) return;
  connection_->sender().reply_head(head, content_length);
  connection_->continue_reply();
}

}  // namespace entrepot::http
