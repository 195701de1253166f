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

/// The URL in a variable, in the form of the configuration; empty after a problem.
std::string url_of(Variable variable, OutgoingProxy& proxy, const std::string& path,
                   Problems& problems) {
  std::string& url = variable.value;
  if (url.empty() || problems.has_error(path)) return {};
  if (url.find("://") == std::string::npos) url.insert(0, "http://");
  const auto user = take_user(url);
  if (url.ends_with('/')) url.pop_back();
  if (fault_of_proxy_url(url)) {
    problems.error(path, std::string("$") + variable.name +
                             " is not the URL of a proxy such as http://proxy.example:3128");
    return {};
  }
  if (user && proxy.credentials.empty()) proxy.credentials.push_back(*user);
  return url;
}

/// The entries of `list` are separated by commas or spaces. Entries that are no host (one with a
/// port, for example) are ignored, as other programs do.
void add_exceptions(std::string_view list, OutgoingProxy& proxy) {
  while (!list.empty()) {
    const auto end = list.find_first_of(", ");
    std::string entry(list.substr(0, end));
    for (char& c : entry) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    if (!entry.empty() && !fault_of_exception(entry)) proxy.except.push_back(entry);
    list.remove_prefix(end == std::string_view::npos ? list.size() : end + 1);
  }
}

}  // namespace

void add_environment(OutgoingProxy& proxy, const std::string& path, Problems& problems) {
  proxy.url = url_of(first_of({"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"}), proxy,
                     path, problems);
  // A web server passes a client's header "Proxy" to its programs as HTTP_PROXY.
  proxy.http_url =
      url_of(first_of({"http_proxy", "all_proxy", "ALL_PROXY"}), proxy, path, problems);
  add_exceptions(first_of({"no_proxy", "NO_PROXY"}).value, proxy);
  if (proxy.url.empty() && proxy.http_url.empty() && !problems.has_error(path))
    problems.warn(path, "neither https_proxy nor http_proxy is set: requests go out directly");
}

}  // namespace entrepot::conf
