// SPDX-License-Identifier: Apache-2.0
#include "proxy/base/ip_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

namespace entrepot {
namespace {

/// The first bytes of an IPv4-mapped address.
constexpr std::array<std::uint8_t, 12> v4_mapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

IpAddress::Bytes mapped(const in_addr& v4) {
  IpAddress::Bytes bytes{};
  std::copy(v4_mapped.begin(), v4_mapped.end(), bytes.begin());
  std::memcpy(bytes.data() + v4_mapped.size(), &v4.s_addr, sizeof v4.s_addr);
  return bytes;
}

}  // namespace

IpAddress IpAddress::of(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET)
    return IpAddress(mapped(reinterpret_cast<const sockaddr_in&>(address).sin_addr));
  if (address.ss_family != AF_INET6) return {};
  Bytes bytes{};
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
  std::memcpy(bytes.data(), v6.s6_addr, bytes.size());
  return IpAddress(bytes);
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  // inet_pton() takes a string that ends with NUL.
  std::array<char, INET6_ADDRSTRLEN> copy{};
  if (text.size() >= copy.size() || text.find('\0') != text.npos) return std::nullopt;
  std::copy(text.begin(), text.end(), copy.begin());
  in_addr v4{};
  if (::inet_pton(AF_INET, copy.data(), &v4) == 1) return IpAddress(mapped(v4));
  Bytes bytes{};
  if (::inet_pton(AF_INET6, copy.data(), bytes.data()) == 1) return IpAddress(bytes);
  return std::nullopt;
}

bool IpAddress::is_v4() const {
  return std::equal(v4_mapped.begin(), v4_mapped.end(), bytes_.begin());
}

std::string IpAddress::text() const {
  if (!known()) return "unknown address";
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (is_v4())
    return ::inet_ntop(AF_INET, bytes_.data() + v4_mapped.size(), text.data(), text.size());
  return ::inet_ntop(AF_INET6, bytes_.data(), text.data(), text.size());
}

}  // namespace entrepot
