// SPDX-License-Identifier: Apache-2.0
#include "conf/listen_address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <optional>

#include "conf/grammar.h"

namespace entrepot::conf {
namespace {

/// IPv4 addresses in their IPv4-mapped form (RFC 4291 §2.5.5.2), as the kernel compares them.
using Ip = std::array<std::uint8_t, 16>;

constexpr Ip any_v6{};
constexpr Ip any_v4{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0};

bool is_v4(const Ip& ip) { return std::equal(any_v4.begin(), any_v4.begin() + 12, ip.begin()); }

struct Place {
  Ip ip;
  std::uint16_t port;
};

/// nullopt: no address with a fixed port.
std::optional<Place> place_of(const std::string& address) {
  const auto colon = address.rfind(':');
  if (is_unix(address) || colon == std::string::npos) return std::nullopt;
  Place place{};
  std::from_chars(address.data() + colon + 1, address.data() + address.size(), place.port);
  if (place.port == 0) return std::nullopt;
  const bool v6 = address.starts_with('[') && colon >= 2;
  const auto host = v6 ? address.substr(1, colon - 2) : "::ffff:" + address.substr(0, colon);
  if (::inet_pton(AF_INET6, host.c_str(), place.ip.data()) != 1) return std::nullopt;
  return place;
}

bool covers(const Ip& one, const Ip& other) {
  return one == any_v6 || (one == any_v4 && is_v4(other));
}

}  // namespace

bool same_listen_address(const std::string& one, const std::string& other) {
  if (is_unix(one) && is_unix(other))
    return std::filesystem::path(socket_path(one)).lexically_normal() ==
           std::filesystem::path(socket_path(other)).lexically_normal();
  const auto first = place_of(one);
  const auto second = place_of(other);
  return first && second && first->port == second->port && first->ip == second->ip;
}

bool covers_listen_address(const std::string& one, const std::string& other) {
  const auto first = place_of(one);
  const auto second = place_of(other);
  return first && second && first->port == second->port && first->ip != second->ip &&
         (covers(first->ip, second->ip) || covers(second->ip, first->ip));
}

}  // namespace entrepot::conf
