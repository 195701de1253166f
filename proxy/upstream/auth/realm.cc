// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/auth/realm.h"

#include <algorithm>

#include "proxy/upstream/transfer/address.h"

namespace entrepot::upstream {
namespace {

// Two-label suffixes under which unrelated parties hold names: national registries, and hosters
// whose customers run registries or buckets. Not the whole public suffix list, which would be a
// data file to keep fresh; a missing entry matters only for an upstream that names a realm of a
// stranger on the same suffix.
constexpr std::string_view shared_suffixes[] = {
    "ac.uk",
    "co.uk",
    "gov.uk",
    "org.uk",
    "com.au",
    "net.au",
    "org.au",
    "co.nz",
    "co.jp",
    "ne.jp",
    "or.jp",
    "co.kr",
    "or.kr",
    "com.cn",
    "net.cn",
    "org.cn",
    "gov.cn",
    "com.hk",
    "com.tw",
    "com.sg",
    "com.my",
    "co.id",
    "co.in",
    "co.th",
    "com.vn",
    "com.br",
    "com.ar",
    "com.mx",
    "com.tr",
    "co.za",
    "co.il",
    "com.ua",
    "com.pl",
    "amazonaws.com",
    "on.aws",
    "azurecr.io",
    "azurewebsites.net",
    "windows.net",
    "cloudfront.net",
    "cloudflarestorage.com",
    "r2.dev",
    "workers.dev",
    "pages.dev",
    "pkg.dev",
    "run.app",
    "appspot.com",
    "web.app",
    "github.io",
    "gitlab.io",
    "netlify.app",
    "vercel.app",
    "herokuapp.com",
    "fly.dev",
    "onrender.com",
    "ngrok.io",
    "duckdns.org",
    "dyndns.org",
    "jfrog.io",
};

struct SharedOwner {
  std::string_view registry_domain;
  std::string_view realm_domain;
};

// Registries whose token server lives on another domain of the same owner, or of the one that
// really serves them.
constexpr SharedOwner shared_owners[] = {
    {"docker.com", "docker.io"},  // registry.hub.docker.com → auth.docker.io
    {"lscr.io", "ghcr.io"},       // LinuxServer.io is a name in front of GitHub's registry
};

bool is_address(std::string_view host) {
  if (host.find(':') != std::string_view::npos) return true;
  return host.find_first_not_of("0123456789.") == std::string_view::npos;
}

/// The last `count` labels of `host`; all of it when it has fewer.
std::string_view last_labels(std::string_view host, int count) {
  std::size_t at = host.size();
  while (count-- > 0) {
    const std::size_t dot = host.rfind('.', at - 1);
    if (dot == std::string_view::npos || at == 0) return host;
    at = dot;
  }
  return host.substr(at + 1);
}

}  // namespace

std::string_view registrable_domain(std::string_view host) {
  if (host.empty() || is_address(host)) return host;
  const std::string_view two = last_labels(host, 2);
  if (std::find(std::begin(shared_suffixes), std::end(shared_suffixes), two) ==
      std::end(shared_suffixes)) {
    return two;
  }
  return last_labels(host, 3);
}

std::optional<std::string> realm_refusal(const Url& realm, const Url& endpoint,
                                         const RealmRules& rules) {
  if (rules.any_host) return std::nullopt;
  if (!realm.https() && endpoint.https()) {
    return "it is plain http, which would show the credentials to the network; the registry has to "
           "name an https URL";
  }
  if (realm.host() == endpoint.host()) return std::nullopt;
  if (std::find(rules.hosts.begin(), rules.hosts.end(), realm.host()) != rules.hosts.end())
    return std::nullopt;
  const std::string_view theirs = registrable_domain(realm.host());
  const std::string_view ours = registrable_domain(endpoint.host());
  if (theirs == ours) return std::nullopt;
  for (const SharedOwner& pair : shared_owners) {
    if (pair.registry_domain == ours && pair.realm_domain == theirs) return std::nullopt;
  }
  return "it is on another domain than the registry; if it is right, put its host into the "
         "upstream's \"token_hosts\"";
}

}  // namespace entrepot::upstream
