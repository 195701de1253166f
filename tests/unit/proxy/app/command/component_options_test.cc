// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/command/component_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "conf/load.h"

namespace entrepot::app {
namespace {

using testing::ElementsAre;
using namespace std::chrono_literals;

constexpr std::string_view json = R"({
  "listen": [ { "address": "0.0.0.0:5000" } ],
  "default_upstream": "hub",
  "upstreams": {
    "docker.io": {
      "aliases": [ "hub" ],
      "endpoints": [ { "url": "https://registry-1.docker.io" },
                     { "url": "http://10.0.0.1:5000/p/", "region": "site", "ns": true } ],
      "tags": { "fresh_for": "1m", "stale_for": "2m",
                "rules": [ { "match": "^v", "fresh_for": "3m" } ] }
    },
    "q.io": { "endpoints": [ { "url": "https://q.io" } ], "access": "restricted",
              "internal": true, "token_hosts": [ "auth.lan" ] }
  },
  "registry": { "catalog": true },
  "cache": { "directory": "/c", "max_size": "1GiB" },
  "timeouts": { "connect": "1s", "first_byte": "2s", "stall": "3s", "header": "4s", "idle": "5s",
                "send": "6s" },
  "limits": { "connections": 77, "connections_per_client": 7, "requests_per_client": 9,
              "misses_per_client": 8, "bandwidth_per_client": "2MiB",
              "max_blob": "8MiB", "transfers_per_blob": 3 },
  "log": { "level": "warn", "format": "json", "access": false }
})";

class ComponentOptions : public testing::Test {
 protected:
  const conf::Config config_ = conf::load_text(json, "f.json", {}).config;
};

TEST_F(ComponentOptions, Log) {
  EXPECT_EQ(log_options(config_).level, "warn");
  EXPECT_TRUE(log_options(config_).json);
}

TEST(ThreadsOfTheProcess, AreThoseOfThreads) {
  const auto config =
      conf::load_text(R"({"threads": {"serve": 2, "fetch": 3, "store": 5}})", "f.json", {}).config;
  const int control_and_small_pools = 5;
  EXPECT_EQ(threads_of(config), 2 + 3 + 5 + control_and_small_pools + threads_of_the_index);
}

TEST_F(ComponentOptions, MetricsKnowEndpointsAsTheUpstreamClientDoes) {
  const auto labels = metric_labels(config_);
  ASSERT_EQ(labels.size(), 2U);
  EXPECT_EQ(labels[0].name, "docker.io");
  EXPECT_THAT(labels[0].endpoints, ElementsAre("registry-1.docker.io", "10.0.0.1:5000/p"));
  EXPECT_EQ(labels[1].name, "q.io");
}

TEST_F(ComponentOptions, Cache) {
  const auto options = cache_options(config_);
  EXPECT_EQ(options.directory, "/c");
  EXPECT_EQ(options.max_blob, 8ULL << 20);
  EXPECT_EQ(options.transfers_per_blob, 3U);
  const auto& hub = options.upstreams.at("docker.io");
  EXPECT_FALSE(hub.restricted);
  EXPECT_EQ(hub.tags.fresh_for, 1min);
  EXPECT_EQ(hub.tags.stale_for, 2min);
  ASSERT_EQ(hub.tags.rules.size(), 1U);
  EXPECT_EQ(hub.tags.rules[0].match, "^v");
  EXPECT_EQ(hub.tags.rules[0].fresh_for, 3min);
  EXPECT_TRUE(options.upstreams.at("q.io").restricted);
}

TEST_F(ComponentOptions, Upstream) {
  auto config = config_;
  config.upstreams[0].credentials.push_back({"u", "/run/p", "s3cret"});
  config.upstreams[0].ca_file = "/ca.pem";
  const auto options = upstream_options(config);
  ASSERT_EQ(options.upstreams.size(), 2U);
  const auto& hub = options.upstreams[0];
  EXPECT_EQ(hub.name, "docker.io");
  ASSERT_EQ(hub.endpoints.size(), 2U);
  EXPECT_EQ(hub.endpoints[1].url, "http://10.0.0.1:5000/p/");
  EXPECT_EQ(hub.endpoints[1].region, "site");
  EXPECT_TRUE(hub.endpoints[1].ns);
  ASSERT_EQ(hub.endpoints[0].credentials.size(), 1U);
  EXPECT_EQ(hub.endpoints[0].credentials[0].username, "u");
  EXPECT_EQ(hub.endpoints[0].credentials[0].password, "s3cret");
  EXPECT_TRUE(hub.endpoints[1].credentials.empty()) << "another's password went to a mirror";
  EXPECT_EQ(hub.ca_file, "/ca.pem");
  EXPECT_FALSE(hub.internal);
  EXPECT_TRUE(options.upstreams[1].internal);
  EXPECT_TRUE(hub.token_hosts.empty());
  EXPECT_THAT(options.upstreams[1].token_hosts, ElementsAre("auth.lan"));
  EXPECT_EQ(options.timeouts.connect, 1s);
  EXPECT_EQ(options.timeouts.first_byte, 2s);
  EXPECT_EQ(options.timeouts.stall, 3s);
}

TEST_F(ComponentOptions, AnEndpointHasCredentialsOfItsOwn) {
  auto config = config_;
  config.upstreams[0].credentials.push_back({"u", "/run/p", "s3cret"});
  config.upstreams[0].endpoints[0].credentials.push_back({"first", "/run/f", "f"});
  config.upstreams[0].endpoints[1].credentials.push_back({"second", "/run/s", "s"});
  const auto hub = upstream_options(config).upstreams.at(0);
  ASSERT_EQ(hub.endpoints[0].credentials.size(), 1U);
  EXPECT_EQ(hub.endpoints[0].credentials[0].username, "first");
  ASSERT_EQ(hub.endpoints[1].credentials.size(), 1U);
  EXPECT_EQ(hub.endpoints[1].credentials[0].username, "second");
}

TEST_F(ComponentOptions, Registry) {
  const auto options = registry_options(config_);
  ASSERT_EQ(options.upstreams.size(), 2U);
  EXPECT_EQ(options.upstreams[0].name, "docker.io");
  EXPECT_THAT(options.upstreams[0].aliases, ElementsAre("hub"));
  EXPECT_TRUE(options.upstreams[0].docker_hub);
  EXPECT_FALSE(options.upstreams[0].restricted);
  EXPECT_FALSE(options.upstreams[1].docker_hub);
  EXPECT_TRUE(options.upstreams[1].restricted);
  EXPECT_EQ(options.default_upstream, "docker.io");
  EXPECT_TRUE(options.catalog);
  EXPECT_FALSE(options.access_log);
}

TEST_F(ComponentOptions, DockerHubByAnyOfItsNames) {
  auto config = config_;
  config.upstreams[1].aliases = {"registry-1.docker.io"};
  EXPECT_TRUE(registry_options(config).upstreams[1].docker_hub);
}

TEST_F(ComponentOptions, Servers) {
  const auto options = server_options(config_, "0.0.0.0:5000");
  EXPECT_EQ(options.address, "0.0.0.0:5000");
  EXPECT_EQ(options.header_timeout, 4s);
  EXPECT_EQ(options.idle_timeout, 5s);
  EXPECT_EQ(options.send_timeout, 6s);
  EXPECT_EQ(options.limits.connections, 77U);
  EXPECT_EQ(options.limits.connections_each, 7U);
  EXPECT_EQ(options.common_fields, "Docker-Distribution-Api-Version: registry/2.0\r\n");

  const auto shares = share_limits(config_);
  EXPECT_EQ(shares.requests_each, 9U);
  EXPECT_EQ(shares.misses_each, 8U);
  EXPECT_EQ(shares.bandwidth_each, 2U << 20);

  const auto admin = admin_options(config_, "127.0.0.1:1");
  EXPECT_EQ(admin.address, "127.0.0.1:1");
  EXPECT_EQ(admin.common_fields, "");
}

TEST(ThreadCount, ZeroIsOnePerCore) {
  EXPECT_EQ(thread_count(3), 3);
  EXPECT_GE(thread_count(0), 1);
}

}  // namespace
}  // namespace entrepot::app
