// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace entrepot {

/// An IPv4 or IPv6 address without port and zone. A value of 16 bytes; any thread.
///
/// An IPv4 address and its IPv4-mapped form (RFC 4291 §2.5.5.2) are the same value. The unspecified
/// address (::), which no peer has, is the value of an unknown address.
class IpAddress {
 public:
  /// In network byte order; IPv4 addresses in their IPv4-mapped form.
  using Bytes = std::array<std::uint8_t, 16>;

  /// Unknown.
  IpAddress() = default;
  explicit IpAddress(const Bytes& bytes) : bytes_(bytes) {}
  /// The address of a socket; unknown if it is neither IPv4 nor IPv6.
  static IpAddress of(const sockaddr_storage& address);
  /// Parses "10.0.0.7", "2001:db8::1" or "::ffff:10.0.0.7"; nullopt for anything else, such as an
  /// address with a port, brackets or a zone.
  static std::optional<IpAddress> parse(std::string_view text);

  bool known() const { return bytes_ != Bytes{}; }
  bool is_v4() const;
  const Bytes& bytes() const { return bytes_; }
  /// "10.0.0.7", "2001:db8::1" (RFC 5952); "unknown address" for an unknown one.
  std::string text() const;
  bool operator==(const IpAddress&) const = default;

 private:
  Bytes bytes_{};
};

}  // namespace entrepot
