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

/// The sending half of a connection. While nothing is queued it writes straight to the socket (most
/// replies are one system call, without a turn through the event loop); what the socket does not
/// take goes to the bufferevent's output, which sends it as room appears. Loop thread only.
class Output {
 public:
  /// `socket`: a plain-text socket bufferevent, outlives this object.
  explicit Output(bufferevent* socket);

  /// Sends or queues `head` and then `body`, which are copied if they cannot be sent at once.
  /// `more`: a file follows; the kernel may wait for it to fill a segment.
  /// False: the socket is broken.
  bool write(std::string_view head, std::string_view body, bool more);
  /// Sends or queues `head` and then these texts; of the texts, what cannot be sent at once is
  /// referred to, not copied.
  bool write(std::string_view head, std::span<const SharedText> texts);
  /// Sends or queues [offset, offset + length) of the file, by sendfile. `fd` stays open and the
  /// bytes stay in the file until empty(). False: the socket or the file is broken.
  bool send_file(int fd, std::uint64_t offset, std::size_t length);

  /// Whether the last send_file() or send_copy() that failed could not read the file.
  bool file_failed() const { return file_failed_; }
  /// The same by a copy: the bytes may leave the file as soon as this returns. `sound` is asked
  /// when they were read: false sends nothing of them, and returns false.
  bool send_copy(int fd, std::uint64_t offset, std::size_t length,
                 const std::function<bool()>& sound);

  /// True when all that was written has reached the kernel.
  bool empty() const;
  /// Bytes the kernel has taken since reset().
  std::uint64_t sent() const;
  void reset();
  /// Sends FIN. REQUIRES: empty().
  void end();
  /// Bytes the client has acknowledged since reset(), or more, if some of an earlier reply still
  /// are on their way. A system call.
  std::uint64_t acknowledged() const;

 private:
  /// Bytes taken, or -1 when the socket is broken.
  std::ptrdiff_t try_send(std::span<iovec> pieces, bool more);

  evbuffer* buffer_;
  int fd_;
  std::uint64_t written_ = 0;  // since reset(), sent or queued
  bool file_failed_ = false;
};

}  // namespace entrepot::http
