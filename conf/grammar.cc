// SPDX-License-Identifier: Apache-2.0
#include "conf/grammar.h"

#include <arpa/inet.h>
#include <sys/un.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "conf/json/json.h"
#include "metrics/pattern.h"

namespace entrepot::conf {
namespace {

constexpr std::size_t max_host_size = 255;
constexpr std::size_t max_url_size = 2048;
constexpr std::size_t max_regex_size = 1024;
constexpr std::size_t max_socket_path_size = sizeof(sockaddr_un::sun_path) - 1;
constexpr std::string_view unix_scheme = "unix:";

bool is_lower_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

std::optional<int> port_of(std::string_view text) {
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port > 65535) return std::nullopt;
  return static_cast<int>(port);
}

struct HostPort {
  std::string host;  // without brackets
  bool bracketed = false;
  std::optional<std::string_view> port;
};

/// Splits "host", "host:port", "[v6]", "[v6]:port".
std::optional<HostPort> split(std::string_view text) {
  HostPort parts;
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    parts.bracketed = true;
    parts.host = text.substr(1, close - 1);
    text.remove_prefix(close + 1);
    if (!text.empty() && text.front() != ':') return std::nullopt;
  } else {
    parts.host = text.substr(0, text.find(':'));
    text.remove_prefix(parts.host.size());
  }
  if (!text.empty()) parts.port = text.substr(1);
  return parts;
}

bool is_ipv6(const std::string& host) {
  in6_addr parsed{};
  return ::inet_pton(AF_INET6, host.c_str(), &parsed) == 1;
}

bool is_ipv4(const std::string& host) {
  in_addr parsed{};
  return ::inet_pton(AF_INET, host.c_str(), &parsed) == 1;
}

/// Letters, digits, '.', '-' and '_', with a letter or digit at both ends.
bool is_host_name(std::string_view host) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return !host.empty() && host.size() <= max_host_size && is_lower_or_digit(lower(host.front())) &&
         is_lower_or_digit(lower(host.back())) &&
         std::all_of(host.begin(), host.end(), [&](char c) {
           return is_lower_or_digit(lower(c)) || c == '.' || c == '-' || c == '_';
         });
}

bool is_lower(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

std::string in_quotes(std::string_view text) { return shown(Json(std::string(text))); }

Fault fault_of_socket_path(std::string_view path) {
  if (!path.starts_with('/'))
    return in_quotes(path) +
           " is not an absolute path: give that of a socket, such as "
           "\"unix:/run/entrepot/mirror.sock\"";
  if (path.ends_with('/'))
    return in_quotes(path) + " is the name of a directory: give that of a socket in it";
  if (path.size() > max_socket_path_size)
    return in_quotes(path) + " has " + std::to_string(path.size()) +
           " bytes; the path of a socket has at most " + std::to_string(max_socket_path_size);
  if (std::any_of(path.begin(), path.end(),
                  [](char c) { return (c >= 0 && c < ' ') || c == 0x7F; }))
    return in_quotes(path) + " holds a control character";
  return std::nullopt;
}

}  // namespace

bool is_unix(std::string_view address) { return address.starts_with(unix_scheme); }

std::string_view socket_path(std::string_view address) {
  return address.substr(unix_scheme.size());
}

Fault fault_of_address(std::string_view address) {
  if (is_unix(address)) return fault_of_socket_path(socket_path(address));
  const auto parts = split(address);
  if (parts && parts->port && port_of(*parts->port) &&
      (parts->bracketed ? is_ipv6(parts->host) : is_ipv4(parts->host)))
    return std::nullopt;
  return in_quotes(address) +
         " is not an address to listen on: give an IP address and a port, such as "
         "\"0.0.0.0:5000\" or \"[::]:5000\", or a socket such as "
         "\"unix:/run/entrepot/mirror.sock\"";
}

Fault fault_of_url(std::string_view url) {
  const auto scheme_end = url.find("://");
  const auto rest = scheme_end == std::string_view::npos ? url : url.substr(scheme_end + 3);
  if (rest.find('@') != std::string_view::npos)
    return "must hold no user name or password; put them into \"credentials\"";
  if (rest.find_first_of("?#") != std::string_view::npos)
    return "must hold no query and no fragment";
  const auto scheme = url.substr(0, scheme_end == std::string_view::npos ? 0 : scheme_end);
  if (scheme != "https" && scheme != "http")
    return in_quotes(url) + " is neither an https:// nor an http:// URL";
  const auto parts = split(rest.substr(0, rest.find('/')));
  if (!parts || !(parts->bracketed ? is_ipv6(parts->host) : is_host_name(parts->host)))
    return in_quotes(url) + " has no valid host";
  if (parts->port && port_of(*parts->port).value_or(0) == 0)
    return in_quotes(url) + " has no valid port";
  const bool printable =
      std::all_of(rest.begin(), rest.end(), [](char c) { return c > ' ' && c < 0x7F; });
  if (!printable || url.size() > max_url_size)
    return in_quotes(url) +
           " is too long or holds blanks or characters that must be percent-encoded";
  return std::nullopt;
}

Fault fault_of_proxy_url(std::string_view url) {
  constexpr std::string_view socks = "socks5h";
  if (url.find('@') != std::string_view::npos)
    return "must hold no user name or password; put them into \"username\" and \"password_file\"";
  const auto scheme_end = url.find("://");
  const bool is_socks = url.substr(0, scheme_end) == socks;
  const std::string like_http = "http" + std::string(url.substr(is_socks ? socks.size() : 0));
  const bool http = url.starts_with("http://") || url.starts_with("https://");
  if (scheme_end == std::string_view::npos || (!http && !is_socks))
    return in_quotes(url) + " is neither an http://, nor an https://, nor a socks5h:// URL";
  const std::string_view rest = url.substr(scheme_end + 3);
  const auto parts = split(rest);
  if (rest.find('/') != std::string_view::npos || !parts || !parts->port ||
      fault_of_url(is_socks ? std::string_view(like_http) : url))
    return in_quotes(url) +
           " is not the URL of a proxy: give a host and a port and no path, such as "
           "\"http://proxy.example:3128\"";
  return std::nullopt;
}

Fault fault_of_proxy_account(std::string_view url, const Credential& account) {
  for (const auto& [text, name] : {std::pair(std::string_view(account.username), "user name"),
                                   std::pair(std::string_view(account.password), "password")}) {
    const bool printable = std::none_of(text.begin(), text.end(),
                                        [](char c) { return (c >= 0 && c < ' ') || c == 0x7F; });
    if (!printable)
      return std::string("the ") + name +
             " holds a control character (a line break or a tab, for example), which no proxy "
             "takes";
    if (url.starts_with("socks5h:") && text.size() > 255)
      return std::string("the ") + name + " is longer than the 255 bytes that SOCKS has room for";
  }
  return std::nullopt;
}

Fault fault_of_exception(std::string_view entry) {
  if (entry == "*") return std::nullopt;
  const auto slash = entry.find('/');
  const std::string address(entry.substr(0, slash));
  const int bits = is_ipv4(address) ? 32 : is_ipv6(address) ? 128 : 0;
  if (slash == std::string_view::npos) {
    auto name = entry;
    if (name.starts_with("*.")) name.remove_prefix(1);
    if (name.starts_with('.')) name.remove_prefix(1);
    if (bits > 0 || (is_lower(name) && is_host_name(name))) return std::nullopt;
  } else if (bits > 0 && port_of(entry.substr(slash + 1)).value_or(bits + 1) <= bits) {
    return std::nullopt;
  }
  return in_quotes(entry) +
         " is no host: give a name in lower case, an address, a network such as \"10.0.0.0/8\", or "
         "\"*\", without a port";
}

Fault fault_of_host(std::string_view host) {
  if (is_lower(host) && is_host_name(host)) return std::nullopt;
  return in_quotes(host) +
         " is not a host: give a name in lower case or an IPv4 address, without a port, such as "
         "\"auth.registry.example\"";
}

Fault fault_of_name(std::string_view name) {
  const auto parts = split(name);
  if (parts && !parts->bracketed && is_lower(name) && is_host_name(parts->host) &&
      (!parts->port || port_of(*parts->port).value_or(0) > 0))
    return std::nullopt;
  return in_quotes(name) +
         " is not the name of a registry: give a host in lower case, perhaps with a port, such as "
         "\"docker.io\" or \"registry.example:5000\"";
}

Fault fault_of_regex(const std::string& regex) {
  if (regex.empty() || regex.size() > max_regex_size)
    return "a regular expression has 1 to 1024 characters";
  const auto fault = Pattern(regex).error();
  if (fault.empty()) return std::nullopt;
  return in_quotes(regex) +
         " is not a regular expression (RE2: no backreferences, no looking around): " + fault;
}

}  // namespace entrepot::conf
