// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include "proxy/http/body.h"

struct bufferevent;
struct evbuffer;
struct iovec;

namespace entrepot::http {

/// The sending half of a connection. While its queue is empty it writes to the socket directly, so
/// most replies take one system call and no event. Bytes that the socket does not take go to the
/// output buffer of the bufferevent, which sends them as the socket accepts them. Loop thread only.
class Output {
 public:
  /// `socket` is a plain-text socket bufferevent and outlives this.
  explicit Output(bufferevent* socket);

  /// Sends or queues `head` and then `body`, and copies the bytes that it queues. `more`: a file
  /// follows, and the kernel may wait for it to fill a segment. False: the socket is broken.
  bool write(std::string_view head, std::string_view body, bool more);
  /// The same for `head` and these texts, but refers to the texts that it queues.
  bool write(std::string_view head, std::span<const SharedText> texts);
  /// Sends or queues [offset, offset + length) of the file, by sendfile. REQUIRES: `fd` stays open
  /// and the bytes stay in the file until empty(). False: the socket or the file is broken.
  bool send_file(int fd, std::uint64_t offset, std::size_t length);

  /// Whether the last failure of send_file() or send_copy() was one of the file.
  bool file_failed() const { return file_failed_; }
  /// As send_file(), but copies the bytes, which may leave the file when this returns. Calls
  /// `sound` after reading them; if that returns false, sends none of them and returns false.
  bool send_copy(int fd, std::uint64_t offset, std::size_t length,
                 const std::function<bool()>& sound);

  /// True when the kernel has taken all bytes.
  bool empty() const;
  /// Bytes that the kernel has taken since reset().
  std::uint64_t sent() const;
  /// Begins a reply. REQUIRES: empty().
  void reset();
  /// Sends FIN. REQUIRES: empty().
  void end();
  /// Bytes that the client has acknowledged since reset(). Too low while bytes of an earlier reply
  /// are unacknowledged. A system call.
  std::uint64_t acknowledged() const;

 private:
  /// Returns the bytes that the kernel took; -1 if the socket is broken.
  std::ptrdiff_t try_send(std::span<iovec> pieces, bool more);

  evbuffer* buffer_;
  int fd_;
  std::uint64_t written_ = 0;  // since reset(), sent or queued
  bool file_failed_ = false;
};

}  // namespace entrepot::http
