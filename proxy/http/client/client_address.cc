// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/client/client_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <array>
#include <cstring>

namespace entrepot::http {
namespace {

// The value is the network part of an IPv6 address. The networks of ::/8 are not assigned (RFC 4291
// §2.4), so IPv4 addresses, users and names have their values there, and so has ::1, whose network
// part is 0. Source addresses that are in their ranges nevertheless count as one client.
constexpr std::uint64_t v4_mark = std::uint64_t{0xffff} << 32;
constexpr std::uint64_t user_mark = std::uint64_t{0xfffe} << 32;
constexpr std::uint64_t name_mark = std::uint64_t{0xfffd} << 32;
constexpr std::uint64_t v6_loopback = 1;
constexpr std::uint64_t v6_unassigned = 2;

bool has_mark(std::uint64_t value, std::uint64_t mark) { return value >> 32 == mark >> 32; }

std::uint64_t big_endian(const unsigned char* bytes, std::size_t count) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < count; ++i) value = value << 8 | bytes[i];
  return value;
}

}  // namespace

ClientAddress ClientAddress::of(const IpAddress& address) {
  if (!address.known()) return {};
  const auto& bytes = address.bytes();
  if (address.is_v4()) return ClientAddress(v4_mark | big_endian(&bytes[12], 4));
  const std::uint64_t network = big_endian(bytes.data(), 8);
  if (has_mark(network, v4_mark) || has_mark(network, user_mark) || has_mark(network, name_mark))
    return ClientAddress(v6_unassigned);
  return ClientAddress(network == 0 ? v6_loopback : network);
}

ClientAddress ClientAddress::of_user(std::uint32_t uid) { return ClientAddress(user_mark | uid); }

ClientAddress ClientAddress::of_name(std::uint32_t number) {
  return ClientAddress(name_mark | number);
}

std::string ClientAddress::text() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (value_ == 0) return "no address";
  if (value_ == v6_loopback) return "::1";
  if (has_mark(value_, user_mark))
    return "uid " + std::to_string(static_cast<std::uint32_t>(value_));
  if (has_mark(value_, name_mark))
    return "name " + std::to_string(static_cast<std::uint32_t>(value_));
  if (has_mark(value_, v4_mark)) {
    const in_addr v4{htonl(static_cast<std::uint32_t>(value_))};
    return inet_ntop(AF_INET, &v4, text.data(), text.size());
  }
  in6_addr v6{};
  for (std::size_t i = 0; i < 8; ++i)
    v6.s6_addr[i] = static_cast<unsigned char>(value_ >> (56 - 8 * i));
  return std::string(inet_ntop(AF_INET6, &v6, text.data(), text.size())) + "/64";
}

}  // namespace entrepot::http

// The last steps of SplitMix64: addresses of one network differ in few bits, and the hash has to
// depend on each of them.
std::size_t std::hash<entrepot::http::ClientAddress>::operator()(
    const entrepot::http::ClientAddress& address) const noexcept {
  std::uint64_t mixed = address.value();
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9U;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebU;
  return mixed ^ (mixed >> 31);
}
