// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include "proxy/http/socket/output.h"
#include "proxy/http/tls/record_writer.h"

struct evbuffer;

namespace entrepot::http::tls {

/// Output of a TLS connection. Fills records with the head and the first bytes of the body, so that
/// a small reply is one record and one system call. Sends files by the kernel if it encrypts, else
/// reads them through a buffer of the thread: a mapped file that another process truncates would
/// end this process with SIGBUS (docs/design/tls.md). Loop thread only.
class TlsOutput final : public Output {
 public:
  /// `writer` outlives this; `fd` is its descriptor. `call_again` is called when bytes are left
  /// that flush() should send once the descriptor takes more.
  TlsOutput(RecordWriter& writer, int fd, std::function<void()> call_again);
  ~TlsOutput() override;

  /// The handshake is complete: until now, bytes are queued.
  bool open();
  /// Sends queued bytes, at most bytes_per_turn. False: the connection or the file is broken.
  bool flush();

  bool write(std::string_view head, std::string_view body, bool more) override;
  bool write(std::string_view head, std::span<const SharedText> texts) override;
  bool send_file(int fd, std::uint64_t offset, std::size_t length) override;
  std::size_t largest_part() const override { return std::size_t{256} << 10; }
  void push() override;
  void end() override;
  std::size_t queued() const override;

 private:
  /// The bytes of a file that follow those in the queue.
  struct FilePart {
    int fd = -1;
    std::uint64_t offset = 0;
    std::size_t length = 0;
  };

  evbuffer* queue();
  std::size_t in_queue() const;
  /// The next bytes to send, in a buffer of the thread; empty on a failure of the file.
  std::string_view next_bytes();
  /// Removes `n` bytes that were sent from the queue and the file.
  void consume(std::size_t n);
  /// Sends records of next_bytes(). Returns their bytes, or the last result that is no number.
  std::ptrdiff_t send_some();
  /// The same if the kernel encrypts: a record of the queue, or a part of the file.
  std::ptrdiff_t send_by_kernel();

  RecordWriter& writer_;
  const std::function<void()> call_again_;
  evbuffer* queue_ = nullptr;  // null while it is empty
  FilePart file_;
  bool open_ = false;
  bool held_ = false;  // the queue waits for more bytes
};

}  // namespace entrepot::http::tls
