// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/reply_sender.h"

#include <algorithm>
#include <string>
#include <utility>

#include "proxy/http/loop_server.h"

namespace entrepot::http {
namespace {

/// Retry-After of a 429 and a 503. The connections that fill the server are likely to stay open for
/// longer.
constexpr std::chrono::seconds retry_after{5};

bool body_allowed(const Request& request, int status) {
  return !request.is_head() && status != 204 && status != 304;
}

}  // namespace

ReplySender::ReplySender(LoopServer& server, Output& output)
    : server_(server), output_(output), progress_(server.arrivals().timeouts().send) {}

ConnectionExchange& ReplySender::open(Connection& connection,
                                      const std::shared_ptr<const Peer>& peer) {
  exchange_ = std::make_shared<ConnectionExchange>(connection, server_.loop(), peer);
  exchange_->stats().started = Clock::now();
  return *exchange_;
}

void ReplySender::begin(bool last) {
  last_ = last;
  output_.reset();
}

void ReplySender::set_pace(Pace& pace, std::function<void()> wake) {
  const auto& counters = server_.options().client_counters;
  pace_.emplace(pace, server_.loop(), std::move(wake), counters ? &counters->bandwidth : nullptr);
}

bool ReplySender::last() const { return last_ || server_.draining(); }

std::string_view ReplySender::write_head(const ReplyHead& head, std::uint64_t content_length) {
  last_ = last();
  ReplyStats& stats = exchange_->stats();
  stats.status = head.status();
  stats.first_byte = Clock::now();
  progress_.begin(stats.first_byte, 0);
  HeadWriter::Frame frame;
  frame.status = head.status();
  frame.http_1_0 = exchange_->request().http_1_0();
  frame.keep_alive = !last_;
  // RFC 9110 §8.6: no length with 204, and with 304 only that of the body of a 200.
  const bool bare = head.status() == 204 || (head.status() == 304 && content_length == 0);
  frame.content_length = bare ? HeadWriter::no_length : content_length;
  const std::string_view bytes = server_.head_writer().write(frame, head.fields());
  head_size_ = bytes.size();
  return bytes;
}

void ReplySender::reply(const ReplyHead& head, std::string_view body) {
  const std::string_view bytes = write_head(head, body.size());
  if (!body_allowed(exchange_->request(), head.status())) body = {};
  if (!pace_) {
    broken_ = !output_.write(bytes, body, false);
    return;
  }
  const auto owner = std::make_shared<const std::string>(body);
  const SharedText all{owner, *owner};
  send(bytes, std::span(&all, 1));
}

void ReplySender::reply(const ReplyHead& head, std::span<const SharedText> texts) {
  std::uint64_t length = 0;
  for (const SharedText& text : texts) length += text.text.size();
  const std::string_view bytes = write_head(head, length);
  send(bytes,
       body_allowed(exchange_->request(), head.status()) ? texts : std::span<const SharedText>());
}

void ReplySender::send(std::string_view head, std::span<const SharedText> texts) {
  if (pace_) {
    std::uint64_t bytes = head.size();
    for (const SharedText& text : texts) bytes += text.text.size();
    if (pace_->allow(bytes) == 0) {
      delayed_.emplace(Delayed{std::string(head), {texts.begin(), texts.end()}});
      return;
    }
    pace_->sent(bytes);
  }
  broken_ = !output_.write(head, texts);
}

void ReplySender::reply(const ReplyHead& head, std::unique_ptr<Body> body, Pieces pieces,
                        std::function<void()> wake) {
  const std::uint64_t length = pieces.total_length();
  const std::string_view bytes = write_head(head, length);
  const bool with_body = body_allowed(exchange_->request(), head.status()) && length > 0;
  if (with_body)
    pump_.emplace(
        std::move(body), std::move(pieces), output_,
        BodyPump::Environment{server_.loop(), server_.options().readers, pace_ ? &*pace_ : nullptr},
        std::move(wake));
  // The kernel may hold the head back for the body's first bytes only if they are available.
  broken_ = !output_.write(bytes, {}, with_body && !pace_ && pump_->ready());
  if (pace_) pace_->count(bytes.size());
}

void ReplySender::reply_head(const ReplyHead& head, std::uint64_t content_length) {
  send(write_head(head, content_length), {});
}

BodyPump::Result ReplySender::run() {
  if (!replied()) return BodyPump::Result::waiting;
  waits_.end();
  const auto send_more = [this] {
    if (delayed_) {
      const std::uint64_t bytes = pace_->allow(0);
      if (bytes == 0) return BodyPump::Result::blocked;
      pace_->sent(bytes);
      const Delayed delayed = *std::exchange(delayed_, std::nullopt);
      exchange_->stats().first_byte = Clock::now();
      broken_ = !output_.write(delayed.head, delayed.texts);
      if (broken_) return BodyPump::Result::failed;
    }
    if (pump_) return pump_->run();
    return output_.empty() ? BodyPump::Result::done : BodyPump::Result::blocked;
  };
  const BodyPump::Result result = send_more();
  if (result == BodyPump::Result::blocked || result == BodyPump::Result::waiting)
    waits_.begin(pump_ ? pump_->waits_for() : output_.empty() ? BodyWait::pace : BodyWait::client);
  return result;
}

void ReplySender::file_failed() {
  server_.loop().assert_in_loop();
  if (pump_) static_cast<void>(pump_->file_failed());
}

std::shared_ptr<ConnectionExchange> ReplySender::end(bool complete) {
  std::shared_ptr<ConnectionExchange> exchange = std::move(exchange_);
  ReplyStats& stats = exchange->stats();
  stats.finished = Clock::now();
  stats.complete = complete;
  waits_.end();
  stats.waits = std::exchange(waits_, {}).waits();
  const std::uint64_t sent = stats.status != 0 ? output_.sent() : 0;
  stats.body_bytes = sent - std::min<std::uint64_t>(sent, head_size_);
  exchange->detach();
  pump_.reset();
  delayed_.reset();
  pace_.reset();
  return exchange;
}

bool ReplySender::refuse(const Refusal& refusal, const Peer& peer, bool keep_alive) {
  server_.loop().assert_in_loop();
  const std::string body = server_.handler().refused(refusal.status, refusal.reason, peer);
  ReplyHead head(refusal.status);
  head.add("Content-Type", "application/json");
  if (refusal.status == 405) head.add("Allow", "GET, HEAD");
  if (refusal.status == 429 || refusal.status == 503)
    head.add("Retry-After", std::uint64_t{retry_after.count()});
  const bool head_only = exchange_ != nullptr && exchange_->request().is_head();
  HeadWriter::Frame frame;
  frame.status = refusal.status;
  frame.content_length = body.size();
  frame.keep_alive = keep_alive;
  frame.http_1_0 = exchange_ != nullptr && exchange_->request().http_1_0();
  drop_exchange();
  return output_.write(server_.head_writer().write(frame, head.fields()),
                       head_only ? std::string_view() : body, false);
}

bool ReplySender::end_output() {
  server_.loop().assert_in_loop();
  if (!output_.empty() || std::exchange(fin_sent_, true)) return false;
  output_.end();
  return true;
}

bool ReplySender::stalled(Clock::time_point now) {
  server_.loop().assert_in_loop();
  if (output_.empty()) {
    progress_.idle(now);
    return false;
  }
  return progress_.due(now) && progress_.too_slow(now, output_.acknowledged());
}

}  // namespace entrepot::http
