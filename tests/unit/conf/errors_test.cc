// SPDX-License-Identifier: Apache-2.0
// Mistakes in configurations, and the messages they produce.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "conf/load.h"

namespace entrepot::conf {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

struct Case {
  const char* json;
  const char* line;
};

void PrintTo(const Case& each, std::ostream* out) { *out << each.json; }

std::vector<std::string> errors_of(std::string_view json) {
  try {
    load_text(json, "f.json", {});
  } catch (const ConfigError& error) {
    return error.lines();
  }
  return {};
}

class ConfigErrors : public testing::TestWithParam<Case> {};

TEST_P(ConfigErrors, NameThePathOfTheKeyInOneLine) {
  EXPECT_THAT(errors_of(GetParam().json), ElementsAre(StartsWith(GetParam().line)));
}

INSTANTIATE_TEST_SUITE_P(
    Syntax, ConfigErrors,
    testing::Values(Case{"", "f.json: line 1, column 1: not JSON: "},
                    Case{"{\n  \"cache\": {\n    \"max_size\": \"1GiB\",\n",
                         "f.json: line 4, column 1: not JSON: "},
                    Case{"{\n  \"log\": { level: 1 } }", "f.json: line 2, column 12: not JSON: "},
                    Case{"{} x", "f.json: line 1, column 4: not JSON: "},
                    Case{R"({ "log": {}, })", "f.json: line 1, column 14: not JSON: "},
                    Case{R"({ "log": {} /* open)", "f.json: line 1, column "},
                    Case{"[]",
                         "f.json: not a configuration: expected an object { … }, found a list"},
                    Case{R"({ "log": { "level": "info", "level": "warn" } })",
                         "f.json: log.level: given twice; keep one of them"}));

INSTANTIATE_TEST_SUITE_P(
    Keys, ConfigErrors,
    testing::Values(
        Case{R"({ "cahce": {} })",
             "f.json: cahce: unknown key; known here: listen, admin, access, groups, upstreams, "
             "policy, default_upstream, "
             "registry, cache, threads, timeouts, limits, log"},
        Case{R"({ "cache": { "size": 1 } })",
             "f.json: cache.size: unknown key; known here: directory, max_size, reserve_free, "
             "scrub_rate, pin"},
        Case{
            R"({ "upstreams": { "docker.io": { "endpoints": [ { "url": "https://x", "n": 1 } ] } } })",
            "f.json: upstreams.docker.io.endpoints[0].n: unknown key; known here: url, region, "
            "ns"},
        Case{R"({ "log": "info" })", "f.json: log: expected an object { … }, found \"info\""},
        Case{R"({ "log": { "access": "yes" } })",
             "f.json: log.access: expected true or false, found \"yes\""},
        Case{R"({ "log": { "access_file": 1 } })",
             "f.json: log.access_file: expected a text, found 1"},
        Case{R"({ "log": { "access_sample": 0 } })",
             "f.json: log.access_sample: 0 is not between 1 and 1000000"},
        Case{R"({ "log": { "level": 3 } })",
             "f.json: log.level: expected one of trace, debug, info, warn, error, found 3"},
        Case{R"({ "log": { "level": "loud" } })",
             "f.json: log.level: \"loud\" is not one of trace, debug, info, warn, error"},
        Case{R"({ "log": { "format": "xml" } })",
             "f.json: log.format: \"xml\" is not one of text, json"},
        Case{R"({ "listen": { "address": "127.0.0.1:1" } })",
             "f.json: listen: expected a list [ … ], found an object"},
        Case{R"({ "admin": "off" })", "f.json: admin: expected an object { … }, found \"off\""},
        Case{R"({ "registry": { "catalog": null } })",
             "f.json: registry.catalog: expected true or false, found null"}));

INSTANTIATE_TEST_SUITE_P(
    Values, ConfigErrors,
    testing::Values(
        Case{R"({ "cache": { "max_size": "100GB" } })",
             "f.json: cache.max_size: \"100GB\" is not a size: give a whole number of bytes, or "
             "one with KiB, MiB, GiB or TiB, such as \"10GiB\""},
        Case{R"({ "cache": { "max_size": 1.5 } })", "f.json: cache.max_size: 1.5 is not a size"},
        Case{R"({ "cache": { "max_size": -1 } })", "f.json: cache.max_size: -1 is not a size"},
        Case{R"({ "cache": { "max_size": 0 } })",
             "f.json: cache.max_size: 0 is too small: at least 1 bytes are needed"},
        Case{R"({ "cache": { "directory": "" } })", "f.json: cache.directory: missing"},
        Case{R"({ "cache": { "directory": 7 } })",
             "f.json: cache.directory: expected a text, found 7"},
        Case{R"({ "timeouts": { "drain": 25 } })",
             "f.json: timeouts.drain: 25 is not a time: give a whole number with ms, s, m, h or d, "
             "at most ten years, such as \"30s\""},
        Case{R"({ "timeouts": { "stall": "0s" } })",
             "f.json: timeouts.stall: \"0s\" is too short: at least 1ms are needed"},
        Case{R"({ "threads": { "serve": 5000 } })",
             "f.json: threads.serve: 5000 is not between 0 and 1024"},
        Case{R"({ "threads": { "store": 0 } })",
             "f.json: threads.store: 0 is not between 2 and 256"},
        Case{R"({ "threads": { "fetch": -1 } })",
             "f.json: threads.fetch: -1 is not between 0 and 64"},
        Case{R"({ "threads": { "fetch": 1.5 } })",
             "f.json: threads.fetch: expected a whole number, found 1.5"},
        Case{R"({ "limits": { "connections": 0 } })",
             "f.json: limits.connections: 0 is not between 1 and 1000000"},
        Case{R"({ "limits": { "connections_per_client": 0 } })",
             "f.json: limits.connections_per_client: 0 is not between 1 and 1000000"},
        Case{R"({ "limits": { "misses_per_client": "many" } })",
             "f.json: limits.misses_per_client: expected a whole number, found \"many\""},
        Case{R"({ "limits": { "requests_per_client": 0 } })",
             "f.json: limits.requests_per_client: 0 is not between 1 and 1000000"},
        Case{R"({ "limits": { "bandwidth_per_client": "1KiB" } })",
             "f.json: limits.bandwidth_per_client: 1024 bytes per second are too few to pull "
             "images: give 64KiB or more, or 0 for no bound"},
        Case{R"({ "limits": { "max_blob": "none" } })",
             "f.json: limits.max_blob: \"none\" is not a size"}));

INSTANTIATE_TEST_SUITE_P(
    Listeners, ConfigErrors,
    testing::Values(
        Case{R"({ "listen": [] })", "f.json: listen: at least one address to listen on is needed"},
        Case{R"({ "listen": [ {} ] })", "f.json: listen[0].address: missing"},
        Case{R"({ "listen": [ "127.0.0.1:5000" ] })",
             "f.json: listen[0]: expected an object { … }, found \"127.0.0.1:5000\""},
        Case{R"({ "listen": [ { "address": "localhost:5000" } ] })",
             "f.json: listen[0].address: \"localhost:5000\" is not an address to listen on: give "
             "an IP address and a port"},
        Case{R"({ "listen": [ { "address": "127.0.0.1:5443", "tls": {} } ] })",
             "f.json: listen[0].tls.certificates: missing: TLS needs at least one certificate"},
        Case{
            R"({ "listen": [ { "address": "127.0.0.1:5443", "tls": { "certificates": [ 1 ] } } ] })",
            "f.json: listen[0].tls.certificates[0]: expected an object { … }, found 1"},
        Case{R"({ "listen": [ { "address": "127.0.0.1:5443",
                                "tls": { "certificates": [ { "certificate": "a" } ] } } ] })",
             "f.json: listen[0].tls.certificates[0].key: missing"},
        Case{R"({ "admin": { "address": "127.0.0.1:5000" } })",
             "f.json: admin.address: 127.0.0.1:5000 is listened on already"},
        Case{
            R"({ "listen": [ { "address": "127.0.0.1:5000" }, { "address": "127.0.0.1:05000" } ] })",
            "f.json: listen[1].address: 127.0.0.1:05000 is listened on already"},
        Case{
            R"({ "listen": [ { "address": "127.0.0.1:1" }, { "address": "0.0.0.0:1" } ] })",
            "f.json: listen[1].address: 0.0.0.0:1 overlaps 127.0.0.1:1, so the port would be in "
            "use "
            "already: 0.0.0.0 has all IPv4 addresses, [::] the IPv6 ones too; keep one of both, or "
            "give single addresses"},
        Case{
            R"({ "listen": [ { "address": "[::]:1" } ], "admin": { "address": "127.0.0.1:1" } })",
            "f.json: admin.address: 127.0.0.1:1 overlaps [::]:1, so the port would be in use "
            "already: 0.0.0.0 has all IPv4 addresses, [::] the IPv6 ones too; keep one of both, or "
            "give single addresses"}));

INSTANTIATE_TEST_SUITE_P(
    UnixSockets, ConfigErrors,
    testing::Values(
        Case{R"({ "listen": [ { "address": "unix:mirror.sock" } ] })",
             "f.json: listen[0].address: \"mirror.sock\" is not an absolute path"},
        Case{
            R"({ "listen": [ { "address": "unix:/run/a" }, { "address": "unix:/run/b/..//a" } ] })",
            "f.json: listen[1].address: unix:/run/b/..//a is listened on already"},
        Case{R"({ "listen": [ { "address": "unix:/run/a:0" }, { "address": "unix:/run/a:0" } ] })",
             "f.json: listen[1].address: unix:/run/a:0 is listened on already"},
        Case{
            R"({ "listen": [ { "address": "unix:/run/a" } ], "admin": { "address": "unix:/run/a" } })",
            "f.json: admin.address: unix:/run/a is listened on already"},
        Case{R"({ "listen": [ { "address": "unix:/run/a",
                                "tls": { "certificates": [ { "certificate": "a", "key": "b" } ] } } ] })",
             "f.json: listen[0].tls: a unix socket needs no TLS: its bytes do not leave this "
             "machine"},
        Case{R"({ "listen": [ { "address": "unix:/run/a", "mode": 660 } ] })",
             "f.json: listen[0].mode: expected a text, found 660"},
        Case{R"({ "listen": [ { "address": "unix:/run/a", "mode": "1777" } ] })",
             "f.json: listen[0].mode: \"1777\" is not a mode: give octal digits for owner, group "
             "and "
             "others, such as \"0660\""},
        Case{R"({ "listen": [ { "address": "127.0.0.1:5000", "mode": "0660" } ] })",
             "f.json: listen[0].mode: only a unix socket has one; remove it"},
        Case{R"({ "admin": { "address": "127.0.0.1:5080", "mode": "0660" } })",
             "f.json: admin.mode: only a unix socket has one; remove it"},
        Case{R"({ "admin": { "address": "127.0.0.1:5080", "read": "login" } })",
             "f.json: admin.read: expected a list [ … ], found \"login\""},
        Case{R"({ "admin": { "address": "unix:/run/a", "networks": [ "10.0.0.0/8" ] } })",
             "f.json: admin.networks: the clients of a unix socket have no address"}));

INSTANTIATE_TEST_SUITE_P(
    Upstreams, ConfigErrors,
    testing::Values(
        Case{R"({ "upstreams": {}, "default_upstream": null })",
             "f.json: upstreams: at least one upstream is needed"},
        Case{R"({ "upstreams": { "docker.io": {} } })",
             "f.json: upstreams.docker.io.endpoints: missing: an upstream needs at least one "
             "endpoint"},
        Case{R"({ "upstreams": { "docker.io": { "endpoints": [] } } })",
             "f.json: upstreams.docker.io.endpoints: missing: an upstream needs at least one "
             "endpoint"},
        Case{R"({ "upstreams": { "docker.io": "https://x" } })",
             "f.json: upstreams.docker.io: expected an object { … }, found \"https://x\""},
        Case{R"({ "upstreams": { "docker.io": { "endpoints": [ "https://x" ] } } })",
             "f.json: upstreams.docker.io.endpoints[0]: expected an object { … }, found "
             "\"https://x\""},
        Case{R"({ "upstreams": { "docker.io": { "endpoints": 1 } } })",
             "f.json: upstreams.docker.io.endpoints: expected a list [ … ], found 1"},
        Case{R"({ "upstreams": { "Docker.io": { "endpoints": [ { "url": "https://x" } ] } } })",
             "f.json: upstreams.Docker.io: \"Docker.io\" is not the name of a registry"},
        Case{R"({ "upstreams": { "docker.io": { "endpoints":
             [ { "url": "https://x" }, { "url": "ftp://y" } ] } } })",
             "f.json: upstreams.docker.io.endpoints[1].url: \"ftp://y\" is neither an https:// nor "
             "an http:// URL"},
        Case{R"({ "upstreams": { "docker.io": { "endpoints":
             [ { "url": "https://x" }, { "url": "https://x" } ] } } })",
             "f.json: upstreams.docker.io.endpoints[1].url: given twice; keep one of them"},
        Case{R"({ "upstreams": { "docker.io": { "endpoints":
             [ { "url": "https://x.io/v2/" } ] } } })",
             "f.json: upstreams.docker.io.endpoints[0].url: ends with /v2, which Entrepot adds "
             "itself; write https://x.io"},
        Case{R"({ "upstreams": { "docker.io": { "endpoints":
             [ { "url": "https://x.io/repository/v2" } ] } } })",
             "f.json: upstreams.docker.io.endpoints[0].url: ends with /v2, which Entrepot adds "
             "itself; write https://x.io/repository"},
        Case{R"({ "upstreams": { "docker.io": { "endpoints": [ { "url": "https://x" } ],
             "access": "private" } } })",
             "f.json: upstreams.docker.io.access: \"private\" is not one of public, restricted"},
        Case{R"({ "upstreams": { "docker.io": { "endpoints": [ { "url": "https://x" } ],
             "token_hosts": [ "a.io", "https://b.io" ] } } })",
             "f.json: upstreams.docker.io.token_hosts[1]: \"https://b.io\" is not a host: give a "
             "name in lower case or an IPv4 address, without a port, such as "
             "\"auth.registry.example\""},
        Case{R"({ "upstreams": { "docker.io": { "endpoints": [ { "url": "https://x" } ],
             "token_hosts": "a.io" } } })",
             "f.json: upstreams.docker.io.token_hosts: expected a list [ … ], found \"a.io\""},
        Case{R"({ "upstreams": { "docker.io": { "endpoints": [ { "url": "https://x" } ],
             "aliases": [ 7 ] } } })",
             "f.json: upstreams.docker.io.aliases[0]: expected a text, found 7"},
        Case{R"({ "upstreams": { "docker.io": { "endpoints": [ { "url": "https://x" } ],
             "aliases": [ "hub", "hub" ] } } })",
             "f.json: upstreams.docker.io.aliases[1]: hub names docker.io already"},
        Case{R"({ "upstreams": {
             "a.io": { "endpoints": [ { "url": "https://x" } ], "aliases": [ "b.io" ] },
             "b.io": { "endpoints": [ { "url": "https://x" } ] } } })",
             "f.json: upstreams.a.io.aliases[0]: b.io names b.io already"},
        Case{R"({ "default_upstream": "example.org" })",
             "f.json: default_upstream: example.org is not the name or alias of an upstream"}));

INSTANTIATE_TEST_SUITE_P(
    TagsAndFiles, ConfigErrors,
    testing::Values(
        Case{R"({ "upstreams": { "q.io": { "endpoints": [ { "url": "https://x" } ],
             "tags": { "rules": [ { "match": "(" } ] } } } })",
             "f.json: upstreams.q.io.tags.rules[0].match: \"(\" is not a regular expression"},
        Case{R"({ "upstreams": { "q.io": { "endpoints": [ { "url": "https://x" } ],
             "tags": { "rules": [ { "fresh_for": "1h" } ] } } } })",
             "f.json: upstreams.q.io.tags.rules[0].match: missing"},
        Case{R"({ "upstreams": { "q.io": { "endpoints": [ { "url": "https://x" } ],
             "ca_file": "/nonexistent/ca.pem" } } })",
             "f.json: upstreams.q.io.ca_file: cannot read /nonexistent/ca.pem: No such file"},
        Case{R"({ "upstreams": { "q.io": { "endpoints": [ { "url": "https://x" } ],
             "credentials": [ { "username": "u", "password_file": "/nonexistent/p" } ] } } })",
             "f.json: upstreams.q.io.credentials[0].password_file: cannot read /nonexistent/p: No "
             "such file"},
        Case{R"({ "upstreams": { "q.io": { "endpoints": [ { "url": "https://x" } ],
             "credentials": [ { "username": "u", "password_file": "/" } ] } } })",
             "f.json: upstreams.q.io.credentials[0].password_file: / is not a file"},
        Case{R"({ "upstreams": { "q.io": { "endpoints": [ { "url": "https://x", "credentials": [
             { "username": "u", "password_file": "/" } ] } ] } } })",
             "f.json: upstreams.q.io.endpoints[0].credentials[0].password_file: / is not a "
             "file"}));

TEST(ConfigErrorsTogether, AreAllReported) {
  EXPECT_THAT(
      errors_of(R"({ "log": { "level": "loud" }, "threads": { "store": 0 },
                             "cache": { "max_size": "x", "colour": 1 } })"),
      testing::UnorderedElementsAre(HasSubstr("log.level"), HasSubstr("threads.store"),
                                    HasSubstr("cache.max_size"), HasSubstr("cache.colour")));
}

TEST(ConfigErrorsTogether, RejectAmbiguousCredentials) {
  const auto credentials_of = [](const std::string& endpoints) {
    return errors_of(R"({ "default_upstream": "", "upstreams": { "q.io": { "aliases": [ "hub" ],
        "endpoints": [ )" +
                     endpoints +
                     R"( ], "credentials": [ { "username": "u", "password_file": "/" } ] } } })");
  };
  const auto unclear = testing::Contains(HasSubstr("upstreams.q.io.credentials: it is not clear"));
  EXPECT_THAT(credentials_of(R"({ "url": "https://x" }, { "url": "https://notq.io:1/q.io" })"),
              unclear);
  for (const auto* url : {"https://q.io", "https://eu.q.io/p", "https://hub:5000"})
    EXPECT_THAT(credentials_of(R"({ "url": "https://x" }, { "url": ")" + std::string(url) + "\" }"),
                testing::Not(unclear))
        << url;
  EXPECT_THAT(credentials_of(R"({ "url": "https://x" })"), testing::Not(unclear));
}

TEST(ConfigErrorsTogether, NeverContainMisplacedPasswords) {
  const auto lines = errors_of(R"({ "upstreams": { "q.io": {
      "endpoints": [ { "url": "https://u:hunter2@x" } ],
      "credentials": [ { "username": "u", "password": "hunter2", "password_file": "/" } ] } } })");
  EXPECT_GE(lines.size(), 3U);
  for (const auto& line : lines) EXPECT_THAT(line, testing::Not(HasSubstr("hunter2")));
}

INSTANTIATE_TEST_SUITE_P(
    OutgoingProxy, ConfigErrors, testing::ValuesIn([] {
      static const std::vector<std::pair<std::string, std::string>> proxies = {
          {R"("http://p:3128")", "proxy: expected an object"},
          {R"({})", "proxy.url: missing"},
          {R"({ "url": "p.example:3128" })",
           R"(proxy.url: "p.example:3128" is neither an http://, nor an https://, nor a socks5h:// URL)"},
          {R"({ "url": "socks5://p:1080" })", R"(proxy.url: "socks5://p:1080" is neither)"},
          {R"({ "url": "http://p" })", R"(proxy.url: "http://p" is not the URL of a proxy)"},
          {R"({ "url": "socks5h://p:0" })", R"(proxy.url: "socks5h://p:0" is not the URL)"},
          {R"({ "url": "http://p:3128/x" })", R"(proxy.url: "http://p:3128/x" is not the URL)"},
          {R"({ "url": "http://u:secret@p:3128" })", "proxy.url: must hold no user name"},
          {R"({ "url": "http://p:3128", "except": ["a:80"] })",
           R"(proxy.except[0]: "a:80" is no host)"},
          {R"({ "url": "http://p:3128", "except": ["10.0.0.0/33"] })", "proxy.except[0]: "},
          {R"({ "url": "http://p:3128", "username": "u" })", "proxy.password_file: missing"},
          {R"({ "url": "https://p:3128", "ca_file": "/nonexistent" })",
           "proxy.ca_file: cannot read /nonexistent: No such file"},
          {R"({ "url": "http://p:3128", "from_environment": true })",
           "proxy.url: remove it, or from_environment"}};
      static std::vector<std::string> texts;
      texts.reserve(2 * proxies.size());
      std::vector<Case> cases;
      for (const auto& [json, line] : proxies) {
        texts.push_back(R"({ "upstreams": { "q.io": { "endpoints": [ { "url": "https://q.io" } ],)"
                        R"( "proxy": )" +
                        json + " } } }");
        texts.push_back("f.json: upstreams.q.io." + line);
        cases.push_back({texts[texts.size() - 2].c_str(), texts.back().c_str()});
      }
      return cases;
    }()));

}  // namespace
}  // namespace entrepot::conf
