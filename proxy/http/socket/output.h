// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include "proxy/http/socket/shared_text.h"

namespace entrepot::http {

/// Sends bytes and parts of files on a socket. Bytes that the kernel does not take at once are
/// queued, and leave when it can take more. Knows nothing about HTTP. Loop thread only; owned by
/// its Socket.
class Output {
 public:
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  virtual ~Output() = default;

  // False: the socket or the file is broken. `more`: bytes follow in this turn of the loop, and may
  // leave together with these.
  virtual bool write(std::string_view head, std::string_view body, bool more) = 0;
  /// Refers to the texts that cannot be sent at once.
  virtual bool write(std::string_view head, std::span<const SharedText> texts) = 0;
  /// Sends a part of a file, which stays open until queued() is 0 or the socket is stopped.
  /// `length`: at most largest_part(). REQUIRES: no part of a file is queued.
  virtual bool send_file(int fd, std::uint64_t offset, std::size_t length) = 0;
  /// Takes the end of a part of a file that is queued out of the queue, and returns its bytes: the
  /// caller passes them again once they are certain to be in the page cache. 0: there is none, or
  /// it cannot be taken back.
  virtual std::size_t withdraw() { return 0; }
  /// Copies a part of a file before it is sent. For a file whose bytes may be discarded later.
  /// Sends nothing if `sound` returns false after the copy.
  bool send_copy(int fd, std::uint64_t offset, std::size_t length,
                 const std::function<bool()>& sound);
  /// The most bytes of a body that may be passed in one call, so that a fast client cannot starve
  /// the others. Constant.
  virtual std::size_t largest_part() const = 0;
  /// No bytes follow for a while: sends those that wait for more.
  virtual void push() {}
  /// Sends the end of the stream and FIN. REQUIRES: empty().
  virtual void end() = 0;

  /// Bytes that wait for the kernel, without the bytes that wait for `more`.
  virtual std::size_t queued() const = 0;
  /// True when the kernel has taken all bytes.
  bool empty() const { return queued() == 0; }
  /// Bytes that the kernel has taken since reset().
  std::uint64_t sent() const { return written_ - queued(); }
  /// Begins a reply. REQUIRES: empty().
  void reset();
  /// Bytes that the client has acknowledged since reset(). Too low while bytes of an earlier reply
  /// are unacknowledged. On a unix socket the bytes that the client has read, rounded down: the
  /// kernel counts the memory of its buffers (up to 64 KiB each), and frees one when all of it has
  /// been read. A system call.
  std::uint64_t acknowledged() const;
  /// True if the file could not be read, or ended too early; else a failure is that of the socket.
  bool file_failed() const { return file_failed_; }

 protected:
  explicit Output(int fd) : fd_(fd) {}

  const int fd_;
  std::uint64_t written_ = 0;  // since reset(), sent or queued
  bool file_failed_ = false;
};

}  // namespace entrepot::http
