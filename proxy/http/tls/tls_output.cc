// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/tls/tls_output.h"

#include <event2/buffer.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "metrics/check.h"

namespace entrepot::http::tls {
namespace {

/// Bytes of one connection that are encrypted in one turn of the loop, about a millisecond.
constexpr std::size_t bytes_per_turn = std::size_t{1} << 20;
/// Fits the second-level cache, so that the cipher reads what pread() has just written.
constexpr std::size_t buffer_size = 4 * RecordWriter::largest_record;
/// Texts up to this size are copied: a reference costs more.
constexpr std::size_t copied_text = 4 * 1024;

std::vector<char>& buffer_of_thread() {
  thread_local std::vector<char> buffer(buffer_size);
  return buffer;
}

void release(const void*, std::size_t, void* owner) {
  delete static_cast<std::shared_ptr<const std::string>*>(owner);
}

}  // namespace

TlsOutput::TlsOutput(RecordWriter& writer, int fd, std::function<void()> call_again)
    : Output(fd), writer_(writer), call_again_(std::move(call_again)) {}

TlsOutput::~TlsOutput() {
  if (queue_ != nullptr) evbuffer_free(queue_);
}

evbuffer* TlsOutput::queue() {
  if (queue_ == nullptr) queue_ = evbuffer_new();
  check(queue_ != nullptr, "evbuffer_new");
  return queue_;
}

std::size_t TlsOutput::in_queue() const {
  return queue_ == nullptr ? 0 : evbuffer_get_length(queue_);
}

std::size_t TlsOutput::queued() const { return held_ ? 0 : in_queue() + file_.length; }

bool TlsOutput::open() {
  open_ = true;
  return held_ || flush();
}

bool TlsOutput::write(std::string_view head, std::string_view body, bool more) {
  written_ += head.size() + body.size();
  evbuffer_add(queue(), head.data(), head.size());
  if (!body.empty()) evbuffer_add(queue(), body.data(), body.size());
  held_ = more;
  return more || flush();
}

bool TlsOutput::write(std::string_view head, std::span<const SharedText> texts) {
  written_ += head.size();
  evbuffer_add(queue(), head.data(), head.size());
  for (const auto& [owner, text] : texts) {
    written_ += text.size();
    if (text.size() <= copied_text)
      evbuffer_add(queue(), text.data(), text.size());
    else
      evbuffer_add_reference(queue(), text.data(), text.size(), release,
                             new std::shared_ptr<const std::string>(owner));
  }
  return flush();
}

bool TlsOutput::send_file(int fd, std::uint64_t offset, std::size_t length) {
  check(file_.length == 0, "a part of a file before the last one was sent");
  written_ += length;
  file_ = {fd, offset, length};
  return flush();
}

void TlsOutput::push() {
  // A failure breaks the socket, whose event reports it.
  if (held_) static_cast<void>(flush());
}

void TlsOutput::end() {
  push();
  writer_.end();
}

bool TlsOutput::flush() {
  held_ = false;
  if (!open_) return true;
  for (std::size_t sent = 0; queued() > 0 && sent < bytes_per_turn;) {
    const std::ptrdiff_t n = send_some();
    if (n == RecordWriter::blocked) break;
    if (n < 0) {
      file_failed_ = n == RecordWriter::file_failed;
      file_.length = 0;
      return false;
    }
    sent += static_cast<std::size_t>(n);
  }
  if (queued() > 0) {
    call_again_();
  } else if (queue_ != nullptr) {
    evbuffer_free(std::exchange(queue_, nullptr));  // an idle connection should be small
  }
  return true;
}

std::ptrdiff_t TlsOutput::send_some() {
  if (writer_.kernel_sends()) return send_by_kernel();
  const std::string_view bytes = next_bytes();
  if (bytes.empty()) return RecordWriter::file_failed;
  std::size_t sent = 0;
  std::ptrdiff_t n = 0;
  while (sent < bytes.size()) {
    n = writer_.write(bytes.substr(sent, RecordWriter::largest_record));
    if (n <= 0) break;
    sent += static_cast<std::size_t>(n);
  }
  consume(sent);
  return sent == bytes.size() ? static_cast<std::ptrdiff_t>(sent) : n;
}

std::ptrdiff_t TlsOutput::send_by_kernel() {
  const std::size_t queued = std::min(in_queue(), RecordWriter::largest_record);
  std::ptrdiff_t n = 0;
  if (queued > 0) {
    // OpenSSL keeps the address of a blocked record, because the kernel encrypts it there. The
    // queue does not move its bytes until they are consumed.
    const auto* bytes = evbuffer_pullup(queue_, static_cast<ev_ssize_t>(queued));
    n = writer_.write({reinterpret_cast<const char*>(bytes), queued});
  } else {
    n = writer_.send_file(file_.fd, file_.offset, file_.length);
  }
  if (n > 0) consume(static_cast<std::size_t>(n));
  return n;
}

std::string_view TlsOutput::next_bytes() {
  std::vector<char>& buffer = buffer_of_thread();
  const ev_ssize_t copied =
      queue_ == nullptr ? 0 : evbuffer_copyout(queue_, buffer.data(), buffer.size());
  std::size_t filled = copied > 0 ? static_cast<std::size_t>(copied) : 0;
  const std::size_t wanted = std::min(file_.length, buffer.size() - filled);
  if (wanted == 0) return {buffer.data(), filled};
  ssize_t n = 0;
  do {
    n = pread(file_.fd, buffer.data() + filled, wanted, static_cast<off_t>(file_.offset));
  } while (n < 0 && errno == EINTR);
  if (n <= 0) return {};
  filled += static_cast<std::size_t>(n);
  return {buffer.data(), filled};
}

void TlsOutput::consume(std::size_t n) {
  const std::size_t from_queue = std::min(n, in_queue());
  if (from_queue > 0) evbuffer_drain(queue_, from_queue);
  file_.offset += n - from_queue;
  file_.length -= n - from_queue;
}

}  // namespace entrepot::http::tls
