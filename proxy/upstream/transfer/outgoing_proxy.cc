// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/transfer/outgoing_proxy.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <span>

#include "proxy/base/text.h"
#include "proxy/upstream/transfer/address.h"

namespace entrepot::upstream {
namespace {

struct Address {
  std::array<std::uint8_t, 16> bytes{};
  unsigned bits = 0;  // 32 or 128
};

std::optional<Address> address_in(std::string_view text) {
  const std::string terminated(text);
  Address address;
  if (inet_pton(AF_INET, terminated.c_str(), address.bytes.data()) == 1)
    address.bits = 32;
  else if (inet_pton(AF_INET6, terminated.c_str(), address.bytes.data()) == 1)
    address.bits = 128;
  else
    return std::nullopt;
  return address;
}

bool same_prefix(const Address& a, const Address& b, unsigned bits) {
  const auto whole = bits / 8;
  if (!std::ranges::equal(std::span(a.bytes).first(whole), std::span(b.bytes).first(whole)))
    return false;
  const unsigned rest = bits % 8;
  return rest == 0 || ((a.bytes.at(whole) ^ b.bytes.at(whole)) >> (8 - rest)) == 0;
}

/// An address, or a network in CIDR notation.
bool network_contains(std::string_view entry, const Address& address) {
  const auto slash = entry.find('/');
  const auto network = address_in(entry.substr(0, slash));
  if (!network || network->bits != address.bits) return false;
  unsigned bits = network->bits;
  if (slash != std::string_view::npos) {
    const auto length = entry.substr(slash + 1);
    const auto [end, error] = std::from_chars(length.data(), length.data() + length.size(), bits);
    if (error != std::errc{} || end != length.data() + length.size() || bits > network->bits)
      return false;
  }
  return same_prefix(*network, address, bits);
}

bool is_local(const std::string& host) {
  if (address_in(host)) return classify(host) != AddressClass::global;
  // A name without a dot, and these (RFC 6761 section 6.3, and /etc/hosts of distributions).
  return host.find('.') == std::string::npos || host.ends_with(".localhost") ||
         host.ends_with(".localdomain") || host.ends_with(".internal");
}

}  // namespace

bool is_excepted(std::string_view entry, std::string_view host) {
  if (entry == "*") return true;
  if (const auto address = address_in(host)) return network_contains(entry, *address);
  if (entry.starts_with('*')) entry.remove_prefix(1);
  if (entry.starts_with('.')) entry.remove_prefix(1);
  if (entry.empty() || !host.ends_with(entry)) return false;
  return host.size() == entry.size() || host[host.size() - entry.size() - 1] == '.';
}

const ProxyServer* OutgoingProxy::server_for(const Url& target, bool private_addresses) const {
  const ProxyServer& server = target.https() ? for_https : for_http;
  if (server.url.empty() || (!private_addresses && is_local(target.host()))) return nullptr;
  const bool excepted = std::ranges::any_of(
      except, [&](const std::string& entry) { return is_excepted(entry, target.host()); });
  return excepted ? nullptr : &server;
}

std::string ProxyServer::with_account() const {
  if (account.username.empty()) return url;
  const auto host = url.find("://") + 3;
  return url.substr(0, host) + percent_encode(account.username) + ":" +
         percent_encode(account.password) + "@" + url.substr(host);
}

}  // namespace entrepot::upstream
