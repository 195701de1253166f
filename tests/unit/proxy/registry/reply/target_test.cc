// SPDX-License-Identifier: Apache-2.0
#include "proxy/registry/reply/target.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include "tests/unit/proxy/registry/site.h"

namespace entrepot::registry {
namespace {

/// The target of a manifest request: "<upstream>/<repository>", or "<status> <code>".
std::string target_of(const std::string& target) {
  Site site;
  const fakes::Reply reply = site.get(target);
  if (!site.store.fetched.empty()) {
    EXPECT_EQ(site.store.fetched.size(), 1u);
    return site.store.fetched[0].substr(0, site.store.fetched[0].find(":latest"));
  }
  return std::to_string(reply.status) + " " + code_of(reply);
}

TEST(Target, FourShapes) {
  EXPECT_EQ(target_of("/v2/grafana/grafana/manifests/latest"), "docker.io/grafana/grafana");
  EXPECT_EQ(target_of("/v2/a/b/manifests/latest?ns=ghcr.io"), "ghcr.io/a/b");
  EXPECT_EQ(target_of("/ghcr.io/v2/a/b/manifests/latest"), "ghcr.io/a/b");
  EXPECT_EQ(target_of("/v2/ghcr.io/a/b/manifests/latest"), "ghcr.io/a/b");
}

TEST(Target, PrefersPathOverNs) {
  EXPECT_EQ(target_of("/ghcr.io/v2/a/b/manifests/latest?ns=docker.io"), "ghcr.io/a/b");
  EXPECT_EQ(target_of("/v2/ghcr.io/a/b/manifests/latest?ns=docker.io"), "ghcr.io/a/b");
  EXPECT_EQ(target_of("/ghcr.io/v2/docker.io/b/manifests/latest"), "ghcr.io/docker.io/b")
      << "removes one prefix only";
  EXPECT_EQ(target_of("/v2/ghcr.io/a/manifests/latest?ns=unknown.example"), "ghcr.io/a");
}

TEST(Target, ReportsTheNamespace) {
  const auto namespace_of = [](const std::string& target) {
    Site site;
    return site.get(target).field("OCI-Namespace");
  };
  EXPECT_EQ(namespace_of("/v2/a/b/manifests/x"), "");
  EXPECT_EQ(namespace_of("/v2/ghcr.io/a/b/manifests/x"), "");
  EXPECT_EQ(namespace_of("/v2/a/b/manifests/x?ns=docker.io"), "docker.io");
  EXPECT_EQ(namespace_of("/v2/a/b/manifests/x?ns=Index.Docker.io%3A443"), "Index.Docker.io:443");
  EXPECT_EQ(namespace_of("/v2/a/b/manifests/x?ns=unknown"), "");
  EXPECT_EQ(namespace_of("/v2/ghcr.io/a/b/manifests/x?ns=docker.io"), "ghcr.io")
      << "the upstream in use";
}

TEST(Target, Aliases) {
  EXPECT_EQ(target_of("/v2/a/b/manifests/latest?ns=index.docker.io"), "docker.io/a/b");
  EXPECT_EQ(target_of("/v2/a/b/manifests/latest?ns=registry.example%3A5000"),
            "registry.example:5000/a/b");
  EXPECT_EQ(target_of("/v2/example/a/manifests/latest"), "registry.example:5000/a");
  EXPECT_EQ(target_of("/hub/v2/a/b/manifests/latest"), "docker.io/a/b");
}

TEST(Target, NsIsNormalised) {
  EXPECT_EQ(target_of("/v2/a/b/manifests/latest?ns=GHCR.io"), "ghcr.io/a/b");
  EXPECT_EQ(target_of("/v2/a/b/manifests/latest?ns=ghcr.io:443"), "ghcr.io/a/b");
  EXPECT_EQ(target_of("/v2/a/b/manifests/latest?ns=Ghcr.io%3A80"), "ghcr.io/a/b");
  EXPECT_EQ(target_of("/v2/a/b/manifests/latest?x=1&ns=ghcr.io&y"), "ghcr.io/a/b");
}

TEST(Target, LibraryIsInserted) {
  EXPECT_EQ(target_of("/v2/nginx/manifests/latest"), "docker.io/library/nginx");
  EXPECT_EQ(target_of("/v2/library/nginx/manifests/latest"), "docker.io/library/nginx");
  EXPECT_EQ(target_of("/v2/docker.io/nginx/manifests/latest"), "docker.io/library/nginx");
  EXPECT_EQ(target_of("/hub/v2/nginx/manifests/latest"), "docker.io/library/nginx");
  EXPECT_EQ(target_of("/v2/nginx/manifests/latest?ns=docker.io"), "docker.io/library/nginx");
  EXPECT_EQ(target_of("/v2/ghcr.io/nginx/manifests/latest"), "ghcr.io/nginx");
  EXPECT_EQ(target_of("/v2/" + std::string(247, 'a') + "/manifests/latest"),
            "docker.io/library/" + std::string(247, 'a'));
  EXPECT_EQ(target_of("/v2/" + std::string(248, 'a') + "/manifests/latest"), "400 NAME_INVALID");
}

TEST(Target, UnknownNs) {  // corpus case 85
  for (const char* ns : {"unknown.example", "localhost", "127.1", "2130706433", "%5B::1%5D",
                         "[::1]", "169.254.169.254", "x:22", "127.0.0.1:22", "ghcr.io:8443",
                         "ghcr.io.", "docker.io.evil.example"})
    EXPECT_EQ(target_of(std::string("/v2/a/b/manifests/latest?ns=") + ns), "404 NAME_UNKNOWN")
        << ns;
}

TEST(Target, MalformedNs) {  // corpus case 85
  const std::string path = "/v2/a/b/manifests/latest?ns=";
  for (const char* ns : {"", "u@h", "%00", "docker.io%00", "docker.io%0d%0aX:", "docker.io/x",
                         "https://docker.io", "docker.io%2f..", "a%20b", "%zz", "d%c3%b6cker.io"})
    EXPECT_EQ(target_of(path + ns), "400 NAME_INVALID") << ns;
  EXPECT_EQ(target_of(path + std::string(300, 'a')), "400 NAME_INVALID");
  EXPECT_EQ(target_of(path + "docker.io&ns=docker.io"), target_of(path + "docker.io"));
  EXPECT_EQ(target_of(path + "docker.io&ns="), "400 NAME_INVALID");
  EXPECT_EQ(target_of(path + "docker.io&ns=ghcr.io"), "400 NAME_INVALID");
}

TEST(Target, UnknownPrefix) {
  EXPECT_EQ(target_of("/unknown/v2/a/b/manifests/latest"), "404 NAME_UNKNOWN");
  EXPECT_EQ(target_of("/unknown/v2/a/b/manifests/latest?ns=ghcr.io"), "404 NAME_UNKNOWN");
}

TEST(Target, BadNames) {  // corpus case 75
  for (const char* name : {"Library/X", "a//b", "-a", "a..b", "a___b", "", "ghcr.io/", "a%25b"})
    EXPECT_EQ(target_of("/v2/" + std::string(name) + "/manifests/latest"), "400 NAME_INVALID")
        << name;
  EXPECT_EQ(target_of("/v2/x/" + std::string(254, 'a') + "/manifests/latest"), "400 NAME_INVALID");
}

TEST(Target, AllowsResourceWordsInNames) {  // corpus case 80
  EXPECT_EQ(target_of("/v2/a/manifests/b/manifests/latest"), "docker.io/a/manifests/b");
  EXPECT_EQ(target_of("/v2/blobs/tags/manifests/latest"), "docker.io/blobs/tags");
}

TEST(Target, HostSelectsNothing) {  // corpus case 86
  for (const char* host : {"ghcr.io", "169.254.169.254", "registry.example:5000"}) {
    Site site;
    const auto exchange = std::make_shared<fakes::Exchange>(
        "GET /v2/a/b/manifests/latest HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n");
    exchange->live_on(site.executor);
    site.registry.handle(exchange);
    ASSERT_EQ(site.store.fetched.size(), 1u);
    EXPECT_EQ(site.store.fetched[0], "docker.io/a/b:latest") << host;
  }
}

TEST(UpstreamTable, RejectsContradictions) {
  metrics::Metrics metrics({});
  Options options;
  options.upstreams = {{.name = "a"}, {.name = "b", .aliases = {"A"}}};
  EXPECT_THROW(UpstreamTable(options, metrics), std::invalid_argument);
  options.upstreams = {{.name = "a", .aliases = {"a", "A"}}, {.name = "b"}};
  EXPECT_NO_THROW(UpstreamTable(options, metrics)) << "an alias may repeat the name";
  options.default_upstream = "c";
  EXPECT_THROW(UpstreamTable(options, metrics), std::invalid_argument);
  options.default_upstream = "b";
  EXPECT_EQ(UpstreamTable(options, metrics).default_upstream()->name, "b");
}

TEST(UpstreamTable, NoDefault) {
  metrics::Metrics metrics({});
  fakes::Store store;
  fakes::HandExecutor executor;
  Options options;
  options.upstreams = {{.name = "ghcr.io"}};
  options.access_log = false;
  Registry registry(options, store, metrics);
  const auto exchange =
      std::make_shared<fakes::Exchange>("GET /v2/a/b/manifests/latest HTTP/1.1\r\nHost: h\r\n\r\n");
  exchange->live_on(executor);
  registry.handle(exchange);
  EXPECT_EQ(exchange->seen().status, 404);
  EXPECT_EQ(code_of(exchange->seen()), "NAME_UNKNOWN");
}

}  // namespace
}  // namespace entrepot::registry
