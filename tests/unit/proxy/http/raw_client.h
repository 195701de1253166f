// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace entrepot::http {

/// A blocking client socket for tests. Every wait ends after some seconds, and then fails.
class RawClient {
 public:
  /// `receive_buffer`: bytes of the kernel's buffer, 0 for its default. `from`: its own address.
  explicit RawClient(std::uint16_t port, int receive_buffer = 0, const char* from = "127.0.0.1");
  ~RawClient();
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  /// Sends all, or as much as the server takes before it closes.
  void send(std::string_view bytes);
  /// No more will be sent.
  void half_close();
  /// Leaves without a trace of politeness (RST).
  void abort();

  struct Reply {
    int status = 0;  ///< 0: closed before a whole head
    std::string head;
    std::string body;
  };
  /// The next reply; `with_body` false for HEAD.
  Reply reply(bool with_body = true);
  /// At most `n` bytes of what comes; less only at the end.
  std::string read(std::size_t n);
  /// Everything up to the server's end.
  std::string read_all();
  /// True when the last read met a FIN, not a reset nor the end of patience.
  bool ended_cleanly() const { return clean_end_; }

 private:
  bool more();

  int fd_;
  std::string pending_;
  bool clean_end_ = false;
};

}  // namespace entrepot::http
