// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/output.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <string>

#include "metrics/check.h"

namespace entrepot::http {
namespace {

/// Texts of a reply that are sent directly; the texts after them are queued.
constexpr std::size_t sent_at_once = 8;

iovec vector_of(std::string_view text) { return {const_cast<char*>(text.data()), text.size()}; }

bool would_block() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

void release(const void*, std::size_t, void* owner) {
  delete static_cast<std::shared_ptr<const std::string>*>(owner);
}

}  // namespace

Output::Output(bufferevent* socket)
    : buffer_(bufferevent_get_output(socket)), fd_(bufferevent_getfd(socket)) {}

std::ptrdiff_t Output::try_send(std::span<iovec> pieces, bool more) {
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = pieces.size();
  const ssize_t n = sendmsg(fd_, &message, MSG_NOSIGNAL | MSG_DONTWAIT | (more ? MSG_MORE : 0));
  if (n >= 0) return n;
  return would_block() ? 0 : -1;
}

bool Output::write(std::string_view head, std::string_view body, bool more) {
  written_ += head.size() + body.size();
  std::size_t sent = 0;
  if (empty()) {
    std::array<iovec, 2> pieces{{vector_of(head), vector_of(body)}};
    const std::ptrdiff_t n = try_send(std::span(pieces).first(body.empty() ? 1 : 2), more);
    if (n < 0) return false;
    sent = static_cast<std::size_t>(n);
  }
  if (sent < head.size()) evbuffer_add(buffer_, head.data() + sent, head.size() - sent);
  const std::size_t skip = sent - std::min(sent, head.size());
  if (skip < body.size()) evbuffer_add(buffer_, body.data() + skip, body.size() - skip);
  return true;
}

bool Output::write(std::string_view head, std::span<const SharedText> texts) {
  written_ += head.size();
  for (const SharedText& text : texts) written_ += text.text.size();
  std::size_t sent = 0;
  if (empty()) {
    std::array<iovec, sent_at_once> pieces;
    std::size_t count = 0;
    pieces[count++] = vector_of(head);
    for (const SharedText& text : texts.first(std::min(texts.size(), pieces.size() - 1)))
      pieces[count++] = vector_of(text.text);
    const bool more = texts.size() >= pieces.size();
    const std::ptrdiff_t n = try_send(std::span(pieces).first(count), more);
    if (n < 0) return false;
    sent = static_cast<std::size_t>(n);
  }
  if (sent < head.size()) evbuffer_add(buffer_, head.data() + sent, head.size() - sent);
  std::size_t skip = sent - std::min(sent, head.size());
  for (const auto& [owner, text] : texts) {
    const std::string_view left = text.substr(std::min(skip, text.size()));
    skip -= text.size() - left.size();
    if (left.empty()) continue;
    evbuffer_add_reference(buffer_, left.data(), left.size(), release,
                           new std::shared_ptr<const std::string>(owner));
  }
  return true;
}

bool Output::send_file(int fd, std::uint64_t offset, std::size_t length) {
  written_ += length;
  std::size_t sent = 0;
  if (empty()) {
    auto from = static_cast<off_t>(offset);
    const ssize_t n = sendfile(fd_, fd, &from, length);
    if (n == 0 || (n < 0 && !would_block())) {
      file_failed_ = n == 0 || errno == EIO;  // 0: the file ends too early
      return false;
    }
    sent = n > 0 ? static_cast<std::size_t>(n) : 0;
  }
  if (sent == length) return true;
  evbuffer_file_segment* segment = evbuffer_file_segment_new(
      fd, static_cast<ev_off_t>(offset + sent), static_cast<ev_off_t>(length - sent),
      EVBUF_FS_DISABLE_MMAP | EVBUF_FS_DISABLE_LOCKING);
  if (segment == nullptr) return false;
  const int result = evbuffer_add_file_segment(buffer_, segment, 0, -1);
  evbuffer_file_segment_free(segment);  // the buffer holds it now
  return result == 0;
}

bool Output::send_copy(int fd, std::uint64_t offset, std::size_t length,
                       const std::function<bool()>& sound) {
  std::string bytes(length, '\0');
  for (std::size_t got = 0; got < length;) {
    const ssize_t n = pread(fd, bytes.data() + got, length - got, static_cast<off_t>(offset + got));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      file_failed_ = true;
      return false;
    }
    got += static_cast<std::size_t>(n);
  }
  return sound() && write(bytes, {}, false);
}

bool Output::empty() const { return evbuffer_get_length(buffer_) == 0; }

std::uint64_t Output::sent() const { return written_ - evbuffer_get_length(buffer_); }

void Output::reset() {
  check(empty(), "a reply begun before the last one was sent");
  written_ = 0;
}

void Output::end() { shutdown(fd_, SHUT_WR); }

std::uint64_t Output::acknowledged() const {
  int unacknowledged = 0;
  if (ioctl(fd_, SIOCOUTQ, &unacknowledged) != 0) return sent();
  return sent() - std::min(sent(), static_cast<std::uint64_t>(unacknowledged));
}

}  // namespace entrepot::http
