// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace entrepot::http {

/// A blocking client socket. Every wait fails after 20 seconds.
class RawClient {
 public:
  /// Connects. `receive_buffer`: bytes of the kernel's buffer, 0 for its default. `from`: the
  /// client's address.
  explicit RawClient(std::uint16_t port, int receive_buffer = 0, const char* from = "127.0.0.1");
  /// Connects to the unix socket at `path`.
  explicit RawClient(const std::string& path);
  ~RawClient();
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  /// Sends all bytes, or as many as the server takes before it closes.
  void send(std::string_view bytes);
  /// Sends FIN.
  void half_close();
  /// Closes with RST.
  void abort();

  struct Reply {
    int status = 0;  ///< 0: the server closed before the end of the head
    std::string head;
    std::string body;
  };
  /// Reads the next reply. `with_body`: false for a reply to HEAD.
  Reply reply(bool with_body = true);
  /// Reads `n` bytes, or fewer if the server closes.
  std::string read(std::size_t n);
  /// Reads until the server closes.
  std::string read_all();
  /// True if the last read ended with FIN, and not with RST or a timeout.
  bool ended_cleanly() const { return clean_end_; }

 private:
  void set_patience();
  bool more();

  int fd_;
  std::string pending_;
  bool clean_end_ = false;
};

}  // namespace entrepot::http
