// SPDX-License-Identifier: Apache-2.0
#include "conf/load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "tests/unit/conf/temporary_file.h"

namespace entrepot::conf {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using namespace std::chrono_literals;

Config loaded(std::string_view json, const std::vector<std::string>& overrides = {}) {
  return load_text(json, "f.json", overrides).config;
}

std::vector<std::string> names(const Config& config) {
  std::vector<std::string> names;
  for (const auto& upstream : config.upstreams) names.push_back(upstream.name);
  return names;
}

std::string with_password_file(const std::filesystem::path& file) {
  return R"({ "upstreams": { "q.io": { "endpoints": [ { "url": "https://x" } ],
      "credentials": [ { "username": "u", "password_file": ")" +
         file.string() + R"(" } ] } } })";
}

class Load : public testing::Test {
 protected:
  Load() {
    ::setenv("XDG_CACHE_HOME", "/xdg", 1);
    ::setenv("HOME", "/home/someone", 1);
  }
};

TEST_F(Load, BuiltInConfiguration) {
  const auto config = load(std::nullopt, {}).config;
  EXPECT_THAT(config.listen, ElementsAre(Listener{"127.0.0.1:5000"}));
  EXPECT_EQ(config.admin, (Admin{.listener = {.address = "127.0.0.1:5080"}}));
  EXPECT_EQ(config.default_upstream, "docker.io");
  EXPECT_THAT(names(config), ElementsAre("docker.io", "gcr.io", "ghcr.io", "mcr.microsoft.com",
                                         "quay.io", "registry.k8s.io"));
  EXPECT_THAT(config.upstreams[0].aliases, ElementsAre("index.docker.io", "registry-1.docker.io"));
  EXPECT_EQ(config.upstreams[0].endpoints[0].url, "https://registry-1.docker.io");
  EXPECT_EQ(config.upstreams[0].tags, (Tags{60s, 168h, {}}));
  EXPECT_EQ(config.cache, (Cache{"/xdg/entrepot", 100ULL << 30, 5ULL << 30, {}, 4ULL << 20}));
  EXPECT_EQ(config.threads, (Threads{0, 1, 4}));
  EXPECT_EQ(config.timeouts, (Timeouts{5s, 30s, 20s, 10s, 75s, 60s, 25s}));
  EXPECT_EQ(config.limits, (Limits{10000, 64, 5000, 1000, 0, 64ULL << 30}));
  EXPECT_EQ(config.log, (Log{"info", false, true}));
  EXPECT_FALSE(config.registry.catalog);
}

TEST_F(Load, CacheDirectoryOfTheUser) {
  ::setenv("XDG_CACHE_HOME", "relative/is/ignored", 1);
  EXPECT_EQ(loaded("{}").cache.directory, "/home/someone/.cache/entrepot");
  ::unsetenv("XDG_CACHE_HOME");
  ::unsetenv("HOME");
  EXPECT_THROW(loaded("{}"), ConfigError);
  EXPECT_EQ(loaded(R"({ "cache": { "directory": "/c" } })").cache.directory, "/c");
}

TEST_F(Load, ReadsEveryKey) {
  const auto config = loaded(R"({
    // comments
    "listen": [ { "address": "0.0.0.0:1" }, { "address": "[::]:2" } ], /* of both kinds */
    "admin": null,
    "default_upstream": "hub",
    "upstreams": { "docker.io": {
      "aliases": [ "hub" ],
      "endpoints": [ { "url": "http://10.0.0.1:5000/p", "region": "site", "ns": true } ],
      "access": "restricted", "ca_file": null, "internal": true, "token_hosts": [ "auth.lan" ], "credentials": [],
      "tags": { "fresh_for": "1m", "stale_for": "1h",
                "rules": [ { "match": "^v", "fresh_for": "1d" }, { "match": "x" } ] } } },
    "registry": { "catalog": true },
    "cache": { "directory": "/c", "max_size": 1000, "reserve_free": "1KiB",
               "pin": [ "library/*", "ghcr.io/a/*" ], "scrub_rate": 7 },
    "threads": { "serve": 1, "fetch": 2, "store": 3 },
    "timeouts": { "connect": "1ms", "first_byte": "2ms", "stall": "3ms", "header": "4ms",
                  "idle": "5ms", "send": "6ms", "drain": "0s" },
    "limits": { "connections": 7, "connections_per_client": 5, "requests_per_client": 9,
                "misses_per_client": 6, "bandwidth_per_client": "2MiB", "max_blob": "8MiB" },
    "log": { "level": "debug", "format": "json", "access": false, "access_file": "/var/log/a",
             "access_sample": 7 }
  })");
  Config expected;
  expected.listen = {{"0.0.0.0:1"}, {"[::]:2"}};
  expected.default_upstream = "docker.io";
  expected.upstreams.resize(1);
  auto& upstream = expected.upstreams[0];
  upstream.name = "docker.io";
  upstream.aliases = {"hub"};
  upstream.endpoints = {{"http://10.0.0.1:5000/p", "site", true}};
  upstream.restricted = true;
  upstream.internal = true;
  upstream.token_hosts = {"auth.lan"};
  upstream.tags = {1min, 1h, {{"^v", 24h}, {"x", 1min}}};
  expected.registry.catalog = true;
  expected.cache = {"/c", 1000, 1024, {"library/*", "ghcr.io/a/*"}, 7};
  expected.threads = {1, 2, 3};
  expected.timeouts = {1ms, 2ms, 3ms, 4ms, 5ms, 6ms, 0s};
  expected.limits = {7, 5, 9, 6, 2 << 20, 8ULL << 20};
  expected.log = {"debug", true, false, "/var/log/a", 7};
  EXPECT_EQ(config, expected);
}

TEST_F(Load, IssuersOfAListener) {
  const auto config = loaded(R"({ "listen": [ { "address": "127.0.0.1:1", "auth": { "jwt": [
      { "issuer": "https://a", "audience": "one", "keys": "/a.json" },
      { "issuer": "https://b", "audience": [ "one", "two" ], "keys": "b.pem", "user": "/x/y",
        "user_prefix": "b:", "groups": "roles", "leeway": "5s" } ] } } ] })");
  JwtIssuer first{.issuer = "https://a", .audience = {"one"}, .keys = "/a.json"};
  JwtIssuer second{.issuer = "https://b",
                   .audience = {"one", "two"},
                   .keys = config.listen[0].auth->jwt[1].keys,
                   .user = "/x/y",
                   .user_prefix = "b:",
                   .groups = "roles",
                   .leeway = 5s};
  EXPECT_EQ(config.listen[0].auth->jwt, (std::vector{first, second}));
  EXPECT_EQ(first.leeway, 1min);
  EXPECT_EQ(second.keys->filename(), "b.pem");
}

TEST_F(Load, TheDoorsOfTheAdminListener) {
  const auto config = loaded(R"({ "admin": { "address": "127.0.0.1:1", "hosts": [ "a" ],
      "networks": [ "10.0.0.0/8" ], "auth": { "tokens": "/t" },
      "tls": { "certificates": [ { "certificate": "/c", "key": "/k" } ] },
      "metrics": [ "anyone" ], "read": [ "login", "net:10.0.0.0/8" ], "change": [] } })");
  const Admin expected{.listener = {.address = "127.0.0.1:1",
                                    .tls = ListenerTls{.certificates = {{"/c", "/k"}}},
                                    .networks = {"10.0.0.0/8"},
                                    .auth = ListenerAuth{.tokens = "/t"}},
                       .hosts = {"a"},
                       .probes = std::nullopt,
                       .metrics = {{"anyone"}},
                       .read = {{"login", "net:10.0.0.0/8"}},
                       .change = std::vector<std::string>()};
  EXPECT_EQ(config.admin, expected);
}

TEST_F(Load, TrustedProxiesOfAListener) {
  const auto config = loaded(R"({ "listen": [
      { "address": "0.0.0.0:1",
        "trusted_proxies": { "networks": [ "10.0.0.9", "::1" ], "protocol": "x-forwarded-for" } },
      { "address": "unix:/run/a.sock", "networks": [ "10.0.0.0/8" ],
        "trusted_proxies": { "networks": [ "unix:" ], "protocol": "proxy-protocol" } } ] })");
  EXPECT_EQ(config.listen[0].trusted_proxies,
            (TrustedProxies{.networks = {"10.0.0.9", "::1"}, .x_forwarded_for = true}));
  EXPECT_EQ(config.listen[1].trusted_proxies,
            (TrustedProxies{.networks = {trusted_unix}, .x_forwarded_for = false}));
}

TEST_F(Load, DefaultUpstream) {
  const auto with = [](std::string_view names, std::string_view rest) {
    std::string upstreams;
    for (const char name : names)
      upstreams += (upstreams.empty() ? "\"" : ", \"") + std::string(1, name) +
                   R"(.io": { "endpoints": [ { "url": "https://x" } ] })";
    return loaded("{ \"upstreams\": { " + upstreams + " }" + std::string(rest) + " }")
        .default_upstream;
  };
  EXPECT_EQ(with("q", ""), "q.io") << "the only one";
  EXPECT_EQ(with("qr", ""), "") << "none of several";
  EXPECT_EQ(with("qr", R"(, "default_upstream": "r.io")"), "r.io");
  EXPECT_EQ(with("q", R"(, "default_upstream": null)"), "");
  EXPECT_EQ(loaded("{}").default_upstream, "docker.io");
}

TEST_F(Load, AppliesOverridesAfterTheFile) {
  const auto config = loaded(R"({ "cache": { "max_size": "1GiB", "reserve_free": "1MiB" } })",
                             {"cache.max_size=2GiB", "cache.max_size=3GiB", "admin=null",
                              "upstreams.docker.io.tags.fresh_for=5s"});
  EXPECT_EQ(config.cache.max_size, 3ULL << 30);
  EXPECT_EQ(config.cache.reserve_free, 1ULL << 20);
  EXPECT_EQ(config.admin, std::nullopt);
  EXPECT_EQ(config.upstreams[0].tags.fresh_for, 5s);
}

TEST_F(Load, ValidatesOverridesLikeTheFile) {
  try {
    loaded("{}", {"cache.max_siez=1", "nonsense"});
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.lines(),
                ElementsAre(testing::StartsWith("-s nonsense: expected key=value"),
                            testing::StartsWith("f.json: cache.max_siez: unknown key")));
  }
}

TEST_F(Load, ReadsPasswordsWithoutTheirLastLineBreak) {
  for (const auto* content : {"s3cret \xc3\xa4", "s3cret \xc3\xa4\n", "s3cret \xc3\xa4\r\n"}) {
    const TemporaryFile file(content);
    const auto result = load_text(with_password_file(file.path()), "f.json", {});
    EXPECT_EQ(result.config.upstreams[0].credentials[0].password, "s3cret \xc3\xa4");
    EXPECT_THAT(result.warnings, IsEmpty());
  }
}

TEST_F(Load, KeepsPasswordsOfSeveralLines) {
  const std::pair<std::string, std::string> cases[] = {
      {"{\n  \"type\": \"service_account\"\n}\n", "{\n  \"type\": \"service_account\"\n}"},
      {"{\r\n}\r\n", "{\r\n}"},
      {"key\n\n", "key\n"},
      {"key\r", "key\r"}};
  for (const auto& [content, password] : cases) {
    const TemporaryFile file(content);
    EXPECT_EQ(loaded(with_password_file(file.path())).upstreams[0].credentials[0].password,
              password);
  }
}

TEST_F(Load, RejectsInvalidPasswords) {
  for (const auto& content : {std::string(), std::string("\n"), std::string("\r\n"),
                              std::string("two\0parts\n", 10), std::string(70'000, 'x')}) {
    const TemporaryFile file(content);
    EXPECT_THROW(loaded(with_password_file(file.path())), ConfigError) << content.size();
  }
}

TEST_F(Load, RejectsUserNamesInvalidInBasic) {
  const TemporaryFile file("s3cret\n");
  auto json = with_password_file(file.path());
  json.replace(json.find("\"u\", \"password"), 3, "\"a:b\"");
  EXPECT_THAT([&] { loaded(json); },
              testing::ThrowsMessage<ConfigError>(
                  "f.json: upstreams.q.io.credentials[0].username: must hold no ':' (RFC 7617)"));
}

TEST_F(Load, RejectsCaFilesWithoutCertificates) {
  const TemporaryFile good("-----BEGIN CERTIFICATE-----\n…");
  const TemporaryFile bad("not a certificate");
  const auto with = [](const TemporaryFile& file) {
    return loaded("{}", {"upstreams.quay.io.ca_file=" + file.path().string()});
  };
  EXPECT_NO_THROW(with(good));
  EXPECT_THAT([&] { with(bad); }, testing::ThrowsMessage<ConfigError>(
                                      "f.json: upstreams.quay.io.ca_file: " + bad.path().string() +
                                      " holds no certificate in PEM form"));
}

TEST_F(Load, WarnsOfPasswordsThatOthersCanRead) {
  const TemporaryFile file("s3cret\n", 0644);
  EXPECT_THAT(
      load_text(with_password_file(file.path()), "f.json", {}).warnings,
      ElementsAre("f.json: upstreams.q.io.credentials[0].password_file: " + file.path().string() +
                  " can be read by every user; chmod it to 0400 or 0600"));
}

TEST_F(Load, WarnsOfACacheThatHoldsNoLayer) {
  const auto warnings = [](const char* json) { return load_text(json, "f.json", {}).warnings; };
  EXPECT_THAT(warnings(R"({ "cache": { "max_size": 10 } })"),
              ElementsAre(HasSubstr("cache.max_size: 10 bytes hold no layer")));
  EXPECT_THAT(warnings(R"({ "cache": { "max_size": "1MiB" } })"), IsEmpty());
}

TEST_F(Load, WarnsOfCredentialsOverPlainHttp) {
  const TemporaryFile file("s3cret\n");
  auto json = with_password_file(file.path());
  json.replace(json.find("https://x"), 9, "http://x");
  EXPECT_THAT(load_text(json, "f.json", {}).warnings, ElementsAre(HasSubstr("clear text")));
}

TEST_F(Load, RejectsUnreadableFiles) {
  const auto message = [](const std::filesystem::path& file) -> std::string {
    try {
      load(file, {});
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(message("/nonexistent/e.json"),
            "/nonexistent/e.json: cannot read the configuration: No such file or directory");
  EXPECT_EQ(message("/"), "/: cannot read the configuration: it is a directory");
  const TemporaryFile large(std::string((4 << 20) + 1, ' '));
  EXPECT_THAT(message(large.path()), HasSubstr("larger than 4 MiB"));
}

}  // namespace
}  // namespace entrepot::conf
