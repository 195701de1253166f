// SPDX-License-Identifier: Apache-2.0
#include "conf/proxy_environment.h"

#include <cstdlib>
#include <initializer_list>
#include <optional>
#include <string_view>

#include "conf/grammar.h"

namespace entrepot::conf {
namespace {

struct Variable {
  const char* name = nullptr;
  std::string value;
};

/// The first of `names` that is set to a value.
Variable first_of(std::initializer_list<const char*> names) {
  for (const char* name : names) {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing here ever changes the environment
    const char* value = std::getenv(name);
    if (value != nullptr && value[0] != '\0') return {name, value};
  }
  return {};
}

std::string lower_case(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return text;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/// Decodes percent-encoding (RFC 3986 section 2.1); an incomplete one stays as it is.
std::string decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool encoded = text[i] == '%' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 &&
                         hex_value(text[i + 2]) >= 0;
    out +=
        encoded ? static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2])) : text[i];
    if (encoded) i += 2;
  }
  return out;
}

/// Moves the user out of the URL.
std::optional<Credential> take_user(std::string& url) {
  const auto begin = url.find("://") + 3;
  const auto end = url.substr(0, url.find('/', begin)).rfind('@');
  if (end == std::string::npos) return std::nullopt;
  const std::string user = url.substr(begin, end - begin);
  url.erase(begin, end + 1 - begin);
  const auto colon = user.find(':');
  Credential credential;
  credential.username = decoded(user.substr(0, colon));
  if (colon != std::string::npos) credential.password = decoded(user.substr(colon + 1));
  return credential;
}

/// Scheme in lower case; http without one, as curl has it; socks5h for socks5, so that the proxy
/// resolves the names.
std::string with_scheme(const std::string& url) {
  const auto end = url.find("://");
  if (end == std::string::npos) return "http://" + url;
  const std::string scheme = lower_case(url.substr(0, end));
  return (scheme == "socks5" ? "socks5h" : scheme) + url.substr(end);
}

/// Reads the URL in a variable into `server`, whose account has priority.
void read_server(const Variable& variable, ProxyServer& server, const std::string& path,
                 Problems& problems) {
  server.url.clear();
  if (variable.value.empty() || problems.has_error(path)) return;
  std::string url = with_scheme(variable.value);
  const auto user = take_user(url);
  if (url.ends_with('/')) url.pop_back();
  if (!server.account) server.account = user;
  const std::string name = std::string("$") + variable.name;
  if (fault_of_proxy_url(url)) {
    problems.error(path, name +
                             " is not the URL of a proxy with a host and a port, such as "
                             "http://proxy.example:3128 (http, https or socks5h)");
  } else if (const auto fault = user ? fault_of_proxy_account(url, *user) : std::nullopt) {
    problems.error(path, name + ": " + *fault);
  } else {
    server.url = url;
  }
}

/// The entries of the list are separated by commas or spaces. An entry that is no host (one with a
/// port, for example) is ignored with a warning.
void add_exceptions(const Variable& variable, OutgoingProxy& proxy, const std::string& path,
                    Problems& problems) {
  std::string_view list = variable.value;
  while (!list.empty()) {
    const auto end = list.find_first_of(", ");
    const std::string entry = lower_case(std::string(list.substr(0, end)));
    if (const auto fault = entry.empty() ? std::nullopt : fault_of_exception(entry))
      problems.warn(path, std::string("ignored in $") + variable.name + ": " + *fault);
    else if (!entry.empty())
      proxy.except.push_back(entry);
    list.remove_prefix(end == std::string_view::npos ? list.size() : end + 1);
  }
}

}  // namespace

void add_environment(OutgoingProxy& proxy, const std::string& path, Problems& problems) {
  read_server(first_of({"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"}), proxy.for_https,
              path, problems);
  // A web server passes a client's header "Proxy" to its programs as HTTP_PROXY.
  read_server(first_of({"http_proxy", "all_proxy", "ALL_PROXY"}), proxy.for_http, path, problems);
  add_exceptions(first_of({"no_proxy", "NO_PROXY"}), proxy, path, problems);
  if (proxy.for_https.url.empty() && proxy.for_http.url.empty() && !problems.has_error(path))
    problems.warn(path, "neither https_proxy nor http_proxy is set: requests go out directly");
}

}  // namespace entrepot::conf
