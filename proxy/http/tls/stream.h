// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/reasons.h"
#include "proxy/http/tls/context.h"
#include "proxy/http/tls/openssl.h"
#include "proxy/http/tls/record_writer.h"

namespace entrepot::http::tls {

/// The server's end of one TLS connection over a non-blocking descriptor. Calls never wait. Loop
/// thread only.
class Stream final : public RecordWriter {
 public:
  /// Bytes of a handshake; OpenSSL alone would take 128 KiB for a ClientHello.
  static constexpr std::uint64_t handshake_limit = 64 * 1024;
  static constexpr std::ptrdiff_t ended = -3;  ///< of read(): the client sends no more

  /// `fd` stays that of the caller, and outlives this.
  Stream(std::shared_ptr<const Context> context, int fd);
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  enum class Progress : std::uint8_t {
    waiting,  ///< for the client: call again when the descriptor is ready
    done,
    failed,  ///< the client has received an alert, if TLS has one for the reason
  };
  /// Continues the handshake.
  Progress handshake();
  /// The result of a handshake that is done or failed.
  metrics::TlsHandshake result() const { return result_; }
  /// Why the client's certificate was refused (fault_of_verification()); empty: it was not.
  std::string_view certificate_fault() const;
  /// The names of the client's certificate (names_of()), which has been verified; empty without
  /// one. REQUIRES: the handshake is done.
  std::vector<std::string> certificate_names() const;
  /// Leaves TLS: write() and read() move plain bytes. For a client that sent a plain request.
  /// REQUIRES: handshake() has failed.
  void become_plain() { plain_ = true; }

  /// Reads at most bytes.size(). Returns their number, `blocked`, `broken` or `ended`.
  std::ptrdiff_t read(std::span<char> bytes);
  /// True if read() may have bytes although the descriptor has none.
  bool has_pending() const { return !plain_ && SSL_has_pending(connection_.get()) == 1; }
  /// True if the last call was blocked because the kernel takes no bytes.
  bool wants_write() const { return SSL_want_write(connection_.get()); }

  std::ptrdiff_t write(std::string_view bytes) override;
  bool kernel_sends() const override;
  std::ptrdiff_t send_file(int fd, std::uint64_t offset, std::size_t length) override;
  void end() override;
  /// Sends close_notify if the connection is intact.
  void notify_close();

 private:
  /// The result of a call that returned `n` <= 0.
  std::ptrdiff_t result_of(int n);
  metrics::TlsHandshake failure(int error) const;
  /// Whether the session was resumed by a client whose certificate has expired since.
  bool has_expired() const;

  const std::shared_ptr<const Context> context_;  // of the callbacks
  const Owned<SSL> connection_;
  const int fd_;
  metrics::TlsHandshake result_ = metrics::TlsHandshake::other;
  bool open_ = false;  // the handshake is done, and nothing has failed since
  bool plain_ = false;
};

}  // namespace entrepot::http::tls
