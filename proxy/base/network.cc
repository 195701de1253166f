// SPDX-License-Identifier: Apache-2.0
#include "proxy/base/network.h"

#include <optional>

#include "proxy/base/text.h"

namespace entrepot {
namespace {

constexpr unsigned all_bits = 128;
constexpr unsigned v4_offset = 96;  // bits before an IPv4 address in its IPv4-mapped form

std::uint8_t mask_of_byte(std::size_t index, unsigned prefix) {
  const unsigned before = static_cast<unsigned>(index) * 8;
  if (prefix >= before + 8) return 0xff;
  if (prefix <= before) return 0;
  return static_cast<std::uint8_t>(0xff << (before + 8 - prefix));
}

/// The first `prefix` bits of an address, followed by zeros.
IpAddress masked(const IpAddress& address, unsigned prefix) {
  IpAddress::Bytes bytes = address.bytes();
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<std::uint8_t>(bytes[i] & mask_of_byte(i, prefix));
  return IpAddress(bytes);
}

std::string text_of(const IpAddress& base, unsigned prefix) {
  if (!base.known()) return "::/" + std::to_string(prefix);
  return base.text() + "/" + std::to_string(base.is_v4() ? prefix - v4_offset : prefix);
}

}  // namespace

std::variant<Network, Fault> Network::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string_view address_text = text.substr(0, slash);
  const auto address = IpAddress::parse(address_text);
  if (!address)
    return Fault{quoted(text) +
                 " is no network; write it as 10.0.0.0/8, 2001:db8::/32 or 10.0.0.7"};
  if (slash == text.npos) {
    if (!address->known()) return Fault{"\"::\" is the address of no client; write ::/0 for IPv6"};
    return Network(*address, all_bits);
  }
  const bool dotted = address_text.find(':') == address_text.npos;
  const auto number = parse_number(text.substr(slash + 1));
  const unsigned longest = dotted ? all_bits - v4_offset : all_bits;
  if (!number || *number > longest)
    return Fault{quoted(text) + " has no prefix length from 0 to " + std::to_string(longest) +
                 " behind the slash; write it as " + (dotted ? "10.0.0.0/8" : "2001:db8::/32")};
  const unsigned prefix = static_cast<unsigned>(*number) + (dotted ? v4_offset : 0);
  const IpAddress base = masked(*address, prefix);
  if (base != *address)
    return Fault{quoted(text) + " has bits beyond the prefix; write " + text_of(base, prefix)};
  return Network(base, prefix);
}

bool Network::contains(const IpAddress& address) const {
  return address.known() && address.is_v4() == base_.is_v4() && masked(address, prefix_) == base_;
}

std::string Network::text() const { return text_of(base_, prefix_); }

}  // namespace entrepot
