// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace entrepot::http::tls {

/// The sending half of a TLS connection, as TlsOutput uses it. Loop thread only.
class RecordWriter {
 public:
  /// Plaintext bytes of the largest record (RFC 8446 §5.1).
  static constexpr std::size_t largest_record = 16 * 1024;
  // Results that are no number of bytes.
  static constexpr std::ptrdiff_t blocked = 0;       ///< the kernel takes no bytes now
  static constexpr std::ptrdiff_t broken = -1;       ///< the connection is of no use any more
  static constexpr std::ptrdiff_t file_failed = -2;  ///< the file could not be read, or has ended

  /// Encrypts and sends `bytes`, at most largest_record, as one record. After `blocked` the next
  /// call has to begin with the same bytes, which may be at another address unless kernel_sends().
  virtual std::ptrdiff_t write(std::string_view bytes) = 0;
  /// True if the kernel encrypts what is sent, so that send_file() works.
  virtual bool kernel_sends() const = 0;
  /// Sends a part of a file without copying it to this process.
  virtual std::ptrdiff_t send_file(int fd, std::uint64_t offset, std::size_t length) = 0;
  /// Sends close_notify and FIN.
  virtual void end() = 0;

 protected:
  ~RecordWriter() = default;
};

}  // namespace entrepot::http::tls
