// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/transfer/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <array>
#include <cstring>
#include <span>
#include <string>

namespace entrepot::upstream {
namespace {

using Bytes4 = std::array<std::uint8_t, 4>;
using Bytes16 = std::array<std::uint8_t, 16>;

struct Range4 {
  Bytes4 prefix;
  unsigned bits;
  AddressClass address_class;
};

// IANA IPv4 special-purpose registry; the first match decides.
constexpr Range4 ranges4[] = {
    {{0, 0, 0, 0}, 8, AddressClass::unspecified},
    {{10, 0, 0, 0}, 8, AddressClass::private_use},
    {{100, 64, 0, 0}, 10, AddressClass::shared},
    {{127, 0, 0, 0}, 8, AddressClass::loopback},
    {{169, 254, 0, 0}, 16, AddressClass::link_local},
    {{172, 16, 0, 0}, 12, AddressClass::private_use},
    {{192, 0, 0, 0}, 24, AddressClass::reserved},
    {{192, 0, 2, 0}, 24, AddressClass::reserved},
    {{192, 88, 99, 0}, 24, AddressClass::reserved},
    {{192, 168, 0, 0}, 16, AddressClass::private_use},
    {{198, 18, 0, 0}, 15, AddressClass::reserved},
    {{198, 51, 100, 0}, 24, AddressClass::reserved},
    {{203, 0, 113, 0}, 24, AddressClass::reserved},
    {{224, 0, 0, 0}, 4, AddressClass::multicast},
    {{240, 0, 0, 0}, 4, AddressClass::reserved},
};

bool has_prefix(std::span<const std::uint8_t> address, std::span<const std::uint8_t> prefix,
                unsigned bits) {
  const std::size_t whole = bits / 8;
  if (std::memcmp(address.data(), prefix.data(), whole) != 0) return false;
  if (bits % 8 == 0) return true;
  const unsigned mask = 0xffU << (8 - bits % 8);
  return ((address[whole] ^ prefix[whole]) & mask & 0xffU) == 0;
}

AddressClass classify4(const Bytes4& address) {
  for (const Range4& range : ranges4) {
    if (has_prefix(address, range.prefix, range.bits)) return range.address_class;
  }
  return AddressClass::global;
}

AddressClass embedded4(const Bytes16& address, std::size_t at, std::uint8_t flip = 0) {
  Bytes4 inner;
  for (std::size_t i = 0; i < inner.size(); ++i) {
    inner[i] = static_cast<std::uint8_t>(address[at + i] ^ flip);
  }
  return classify4(inner);
}

AddressClass classify6(const Bytes16& a) {
  static constexpr Bytes16 zero{};
  static constexpr Bytes16 mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  static constexpr Bytes16 translated{0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};   // RFC 2765
  static constexpr Bytes16 nat64{0x00, 0x64, 0xff, 0x9b};                    // RFC 6052
  static constexpr Bytes16 nat64_local{0x00, 0x64, 0xff, 0x9b, 0x00, 0x01};  // RFC 8215
  static constexpr Bytes16 six_to_four{0x20, 0x02};                          // RFC 3056
  static constexpr Bytes16 teredo{0x20, 0x01, 0x00, 0x00};                   // RFC 4380
  static constexpr Bytes16 documentation{0x20, 0x01, 0x0d, 0xb8};
  static constexpr Bytes16 documentation_2{0x3f, 0xff};  // RFC 9637, /20
  static constexpr Bytes16 global_unicast{0x20};         // 2000::/3

  if (a == zero) return AddressClass::unspecified;
  if (has_prefix(a, zero, 96)) {
    const bool one = a[12] == 0 && a[13] == 0 && a[14] == 0 && a[15] == 1;
    return one ? AddressClass::loopback : embedded4(a, 12);
  }
  if (has_prefix(a, mapped, 96) || has_prefix(a, translated, 96)) return embedded4(a, 12);
  if (has_prefix(a, nat64, 96)) return embedded4(a, 12);
  if (has_prefix(a, nat64_local, 48)) return AddressClass::private_use;
  if (a[0] == 0xff) return AddressClass::multicast;
  if (a[0] == 0xfe && (a[1] & 0xc0) == 0x80) return AddressClass::link_local;
  if (a[0] == 0xfe && (a[1] & 0xc0) == 0xc0) return AddressClass::private_use;
  if ((a[0] & 0xfe) == 0xfc) return AddressClass::private_use;
  if (!has_prefix(a, global_unicast, 3)) return AddressClass::reserved;
  if (has_prefix(a, six_to_four, 16)) return embedded4(a, 2);
  // Teredo carries the client's IPv4 address inverted.
  if (has_prefix(a, teredo, 32)) return embedded4(a, 12, 0xff);
  if (has_prefix(a, documentation, 32) || has_prefix(a, documentation_2, 20)) {
    return AddressClass::reserved;
  }
  return AddressClass::global;
}

}  // namespace

AddressClass classify(const sockaddr& address, socklen_t length) {
  if (address.sa_family == AF_INET && length >= sizeof(sockaddr_in)) {
    sockaddr_in in{};
    std::memcpy(&in, &address, sizeof in);
    Bytes4 bytes;
    std::memcpy(bytes.data(), &in.sin_addr, bytes.size());
    return classify4(bytes);
  }
  if (address.sa_family == AF_INET6 && length >= sizeof(sockaddr_in6)) {
    sockaddr_in6 in6{};
    std::memcpy(&in6, &address, sizeof in6);
    Bytes16 bytes;
    std::memcpy(bytes.data(), &in6.sin6_addr, bytes.size());
    return classify6(bytes);
  }
  return AddressClass::reserved;
}

AddressClass classify(std::string_view text) {
  const std::string terminated(text);
  Bytes4 v4;
  if (inet_pton(AF_INET, terminated.c_str(), v4.data()) == 1) return classify4(v4);
  Bytes16 v6;
  if (inet_pton(AF_INET6, terminated.c_str(), v6.data()) == 1) return classify6(v6);
  return AddressClass::reserved;
}

std::string_view to_string(AddressClass address_class) {
  switch (address_class) {
    case AddressClass::global:
      return "global";
    case AddressClass::unspecified:
      return "unspecified";
    case AddressClass::loopback:
      return "loopback";
    case AddressClass::link_local:
      return "link-local";
    case AddressClass::private_use:
      return "private";
    case AddressClass::shared:
      return "carrier-grade NAT";
    case AddressClass::multicast:
      return "multicast";
    case AddressClass::reserved:
      break;
  }
  return "reserved";
}

}  // namespace entrepot::upstream
