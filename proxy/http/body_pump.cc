// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/body_pump.h"

#include <algorithm>
#include <span>
#include <string_view>
#include <utility>

#include "metrics/exception.h"
#include "proxy/http/client/paced_reply.h"
#include "proxy/http/page_cache.h"
#include "proxy/loop/loop.h"
#include "proxy/loop/store_pool.h"

namespace entrepot::http {
namespace {

// One turn of the loop sends at most this many windows, or small pieces, of one body: a fast client
// must not starve the others.
constexpr int windows_per_turn = 4;
/// Window of bytes that are copied to the socket, or to its buffer when the socket is full.
constexpr std::uint64_t copied_window = 256 * 1024;
/// Reads of one window. If memory is so short that the kernel drops the bytes again before they are
/// sent, further reads would only repeat that.
constexpr int most_reads = 3;

}  // namespace

std::uint64_t Pieces::total_length() const {
  std::uint64_t length = 0;
  for (const Piece& piece : list) length += piece.length;
  if (!text) return length;
  for (std::size_t i = 0; i <= list.size(); ++i) length += text(list, i).size();
  return length;
}

BodyPump::BodyPump(std::unique_ptr<Body> body, Pieces pieces, Output& output,
                   Environment environment, std::function<void()> wake)
    : body_(std::move(body)),
      bytes_(body_->bytes()),
      pieces_(std::move(pieces)),
      output_(output),
      environment_(environment),
      wake_(std::move(wake)),
      waiting_(std::make_shared<bool>(false)),
      unreadable_(std::make_shared<bool>(false)) {}

BodyPump::Result BodyPump::run() {
  // Once a turn: what the kernel does not take now has to wait for an event.
  rest_ = output_.withdraw();
  offset_ -= rest_;
  if (environment_.pace != nullptr) environment_.pace->unsent(rest_);
  for (int i = 0; i < windows_per_turn; ++i) {
    if (*waiting_) return growing_ ? Result::waiting : Result::blocked;
    if (*unreadable_) return file_failed();
    if (!output_.empty()) return Result::blocked;
    if (offset_ == end_ && begun_ == pieces_.list.size()) {
      if (end_sent_ || !pieces_.text) return end();
      end_sent_ = true;
      if (!send_text(begun_, false)) return Result::failed;
      continue;
    }
    if (offset_ == end_ && !begin_piece()) return Result::failed;
    if (offset_ == end_) continue;
    body_->passed(needed_from());
    if (const Result sent = send_window(); sent != Result::again) return sent;
  }
  return Result::again;
}

BodyWait BodyPump::waits_for() const {
  if (*waiting_) return growing_ ? BodyWait::upstream : BodyWait::disk;
  return output_.empty() ? BodyWait::pace : BodyWait::client;
}

BodyPump::Result BodyPump::end() {
  body_->passed(end_);
  return Result::done;
}

bool BodyPump::begin_piece() {
  const std::size_t index = begun_++;
  const Piece& piece = pieces_.list[index];
  offset_ = piece.offset;
  end_ = offset_ + piece.length;
  return send_text(index, piece.length > 0);
}

bool BodyPump::send_text(std::size_t index, bool more) {
  if (!pieces_.text) return true;
  const std::string text = pieces_.text(pieces_.list, index);
  if (environment_.pace != nullptr) environment_.pace->count(text.size());
  return text.empty() || output_.write(text, std::string_view(), more);
}

BodyPump::Result BodyPump::send_window() {
  // State before available(): a body that is whole now has its final size now.
  const Body::State state = body_->state();
  if (state == Body::State::failed) return Result::failed;
  const std::uint64_t available = std::min(body_->available(offset_), end_);
  if (available <= offset_)
    return state == Body::State::growing ? wait_for_growth() : Result::failed;
  std::uint64_t length = std::min<std::uint64_t>(available - offset_, output_.largest_part());
  // The rest goes without the bytes that the body has got meanwhile: many readers of a growing body
  // would send these in small parts, each as soon as it comes.
  if (rest_ > 0) length = std::min(length, std::exchange(rest_, 0));
  if (environment_.pace != nullptr) {
    length = environment_.pace->allow_part(length);
    if (length == 0) {
      output_.push();
      return Result::blocked;
    }
  }
  if (body_->discardable())
    length = std::min(length, copied_window);
  else if (!bytes_ && read_ahead(length))
    return Result::blocked;
  const std::uint64_t before = output_.sent();
  if (!send_bytes(length)) return output_.file_failed() ? file_failed() : Result::failed;
  if (output_.sent() > before) reads_ = 0;
  if (environment_.pace != nullptr) environment_.pace->sent(length);
  offset_ += length;
  return Result::again;
}

bool BodyPump::send_bytes(std::uint64_t length) {
  const auto size = static_cast<std::size_t>(length);
  if (bytes_) {
    const SharedText text{bytes_, std::string_view(*bytes_).substr(offset_, size)};
    return output_.write({}, std::span(&text, 1));
  }
  if (!body_->discardable()) return output_.send_file(body_->fd(), offset_, size);
  const auto sound = [this] { return body_->state() != Body::State::failed; };
  return output_.send_copy(body_->fd(), offset_, size, sound);
}

std::uint64_t BodyPump::needed_from() const {
  std::uint64_t needed = offset_;
  for (std::size_t i = begun_; i < pieces_.list.size(); ++i)
    if (pieces_.list[i].length > 0) needed = std::min(needed, pieces_.list[i].offset);
  return needed;
}

BodyPump::Result BodyPump::file_failed() {
  body_->unreadable();
  return Result::failed;
}

BodyPump::Result BodyPump::wait_for_growth() {
  growing_ = *waiting_ = true;
  output_.push();
  body_->wait(offset_, [waiting = waiting_, wake = wake_] {
    *waiting = false;
    wake();
  });
  return Result::waiting;
}

bool BodyPump::read_ahead(std::uint64_t length) {
  if (environment_.readers == nullptr || reads_ >= most_reads) return false;
  if (in_page_cache(body_->fd(), offset_, length)) return false;
  ++reads_;
  growing_ = false;
  *waiting_ = true;
  output_.push();
  const std::uint64_t ahead = std::min(end_ - offset_ - length, window);
  environment_.readers->post([body = body_, offset = offset_, length, ahead, waiting = waiting_,
                              unreadable = unreadable_, wake = wake_,
                              &loop = environment_.loop]() mutable {
    bool read = false;
    run_then([&] { read = read_into_page_cache(body->fd(), offset, length, ahead); },
             [&] {
               loop.post([body = std::move(body), waiting = std::move(waiting),
                          unreadable = std::move(unreadable), read, wake = std::move(wake)] {
                 *unreadable = !read;
                 *waiting = false;
                 wake();
               });
             });
  });
  return true;
}

}  // namespace entrepot::http
