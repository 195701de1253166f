// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include "proxy/http/socket/socket.h"

struct bufferevent;
struct event;
struct iovec;

namespace entrepot::loop {
class Loop;
}  // namespace entrepot::loop

namespace entrepot::http {

/// Output of plain TCP or a unix socket. Sends directly what the kernel takes at once, files by
/// sendfile(), and queues the rest: bytes in the output buffer of a bufferevent, which sends them
/// by itself, and the position in a file, whose bytes the kernel may have evicted from the page
/// cache by the time that the client takes them.
class PlainOutput final : public Output {
 public:
  /// `socket` outlives this. `call_again` is called when the rest of a part of a file waits for the
  /// kernel.
  PlainOutput(bufferevent* socket, std::function<void()> call_again);

  bool write(std::string_view head, std::string_view body, bool more) override;
  bool write(std::string_view head, std::span<const SharedText> texts) override;
  bool send_file(int fd, std::uint64_t offset, std::size_t length) override;
  std::size_t withdraw() override;
  std::size_t largest_part() const override { return std::size_t{4} << 20; }
  void end() override;
  std::size_t queued() const override;

 private:
  /// Returns the bytes that the kernel took; -1 if the socket is broken.
  std::ptrdiff_t try_send(std::span<iovec> pieces, bool more);

  evbuffer* buffer_;
  const std::function<void()> call_again_;
  std::size_t file_rest_ = 0;  // bytes of the last part of a file that have not been sent
};

/// A socket of plain TCP or a unix socket, over a bufferevent.
class PlainSocket final : public Socket {
 public:
  /// Takes over the connected, non-blocking descriptor `fd`.
  PlainSocket(loop::Loop& loop, int fd);
  ~PlainSocket() override;

  evbuffer* input() override;
  Output& output() override { return output_; }
  int fd() const override;
  void start(SocketUser& user) override;
  void stop_reading() override;
  void stop() override;
  int release() override;

 private:
  void on_event(short what);
  /// Tells the user once the kernel takes bytes.
  void wait_until_writable();

  bufferevent* const socket_;
  event* writable_ = nullptr;  // null until a part of a file waits for the kernel
  PlainOutput output_;
  SocketUser* user_ = nullptr;  // null before start()
};

}  // namespace entrepot::http
