// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/command/client_mirror.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "conf/load.h"

namespace entrepot::app {

void PrintTo(const ClientRegistry& one, std::ostream* out) {
  *out << one.name << " " << one.server << " " << one.path;
}

namespace {

using testing::ElementsAre;

conf::Config config_of(std::string_view json) {
  return conf::load_text(json, "e.json", {"cache.directory=/nonexistent"}).config;
}

std::string listening(std::string_view addresses) {
  const auto mirror =
      mirror_listening(config_of(std::string(R"({"listen":[)").append(addresses).append("]}")));
  return mirror ? mirror->url : "none";
}

std::vector<ClientRegistry> registries(std::string_view upstreams) {
  return client_registries(config_of(
      std::string(R"({"default_upstream":null,"upstreams":{)").append(upstreams).append("}}")));
}

TEST(ClientMirror, ParsesAUrl) {
  EXPECT_EQ(client_mirror("http://10.0.0.5:5000"),
            (ClientMirror{"http://10.0.0.5:5000", "10.0.0.5:5000", true, false}));
  EXPECT_EQ(client_mirror("https://Mirror.Example/"),
            (ClientMirror{"https://mirror.example", "mirror.example", false, false}));
  EXPECT_EQ(client_mirror("http://[fd00::5]:5000").authority, "[fd00::5]:5000");
}

TEST(ClientMirror, Loopback) {
  for (const auto* here :
       {"http://127.0.0.1:5000", "http://127.8.9.1", "http://localhost:5000", "http://LOCALHOST"})
    EXPECT_TRUE(client_mirror(here).loopback) << here;
  // For older versions of Docker, ::1 is another host.
  for (const auto* there : {"http://10.127.0.1", "http://localhost.example:1", "http://[::1]:5000"})
    EXPECT_FALSE(client_mirror(there).loopback) << there;
}

TEST(ClientMirror, Faults) {
  for (const auto* good : {"http://10.0.0.5:5000", "https://mirror.example/", "http://[::1]:1"})
    EXPECT_EQ(fault_of_mirror(good), std::nullopt) << good;
  for (const auto* bad :
       {"", "10.0.0.5:5000", "ftp://a", "http://", "http://a:0", "http://a:b", "http://u:p@a",
        "http://a?x", "http://a/docker.io", "http://a//", "http://a b", "http://a\"b"})
    EXPECT_NE(fault_of_mirror(bad), std::nullopt) << bad;
}

TEST(ClientMirror, HasTheUrlOfTheFirstUsableListener) {
  EXPECT_EQ(mirror_listening(conf::load(std::nullopt, {"cache.directory=/nonexistent"}).config)
                .value()
                .url,
            "http://127.0.0.1:5000");
  EXPECT_EQ(listening(R"({"address":"0.0.0.0:5001"})"), "http://127.0.0.1:5001");
  EXPECT_EQ(listening(R"({"address":"[::]:5001"})"), "http://127.0.0.1:5001");
  EXPECT_EQ(listening(R"({"address":"10.0.0.5:80"})"), "http://10.0.0.5:80");
  EXPECT_EQ(listening(R"({"address":"10.0.0.5:0"},{"address":"[::1]:5001"})"), "http://[::1]:5001");
  EXPECT_EQ(listening(R"({"address":"10.0.0.5:0"})"), "none");
  EXPECT_EQ(listening(R"({"address":"10.0.0.5:443",
                          "tls":{"certificates":[{"certificate":"a","key":"b"}]}})"),
            "https://10.0.0.5:443");
}

TEST(ClientMirror, IsNotOnAUnixSocket) {
  EXPECT_EQ(listening(R"({"address":"unix:/run/a"},{"address":"10.0.0.5:80"})"),
            "http://10.0.0.5:80");
  EXPECT_EQ(listening(R"({"address":"unix:/run/a"})"), "none");
  const auto why = [](std::string_view listeners) {
    return no_mirror_listening(
        config_of(std::string(R"({"listen":[)").append(listeners).append("]}")));
  };
  EXPECT_THAT(why(R"({"address":"unix:/run/a"})"), testing::HasSubstr("on a unix socket only"));
  EXPECT_THAT(why(R"({"address":"unix:/run/a"},{"address":"10.0.0.5:0"})"),
              testing::HasSubstr("leaves the port to chance"));
}

TEST(ClientRegistries, ComeFromTheBuiltInConfiguration) {
  const auto config = conf::load(std::nullopt, {"cache.directory=/nonexistent"}).config;
  EXPECT_THAT(
      client_registries(config),
      testing::UnorderedElementsAre(
          ClientRegistry{"docker.io", "https://registry-1.docker.io", "docker.io"},
          ClientRegistry{"ghcr.io", "https://ghcr.io", "ghcr.io"},
          ClientRegistry{"quay.io", "https://quay.io", "quay.io"},
          ClientRegistry{"registry.k8s.io", "https://registry.k8s.io", "registry.k8s.io"},
          ClientRegistry{"gcr.io", "https://gcr.io", "gcr.io"},
          ClientRegistry{"mcr.microsoft.com", "https://mcr.microsoft.com", "mcr.microsoft.com"}));
}

TEST(ClientRegistries, ServerIsTheRegistryAndNoMirrorOfIt) {
  const auto server = [](std::string_view name, std::string_view endpoints) {
    return registries(
               std::string("\"").append(name).append("\":{\"endpoints\":[").append(endpoints) +
               "]}")
        .at(0)
        .server;
  };
  EXPECT_EQ(server("docker.io", R"({"url":"https://hub.cn"})"), "https://registry-1.docker.io");
  EXPECT_EQ(server("quay.io", R"({"url":"https://quay.cn"})"), "https://quay.io");
  EXPECT_EQ(server("quay.io", R"({"url":"https://quay.cn"},{"url":"http://quay.io"})"),
            "http://quay.io");
  EXPECT_EQ(server("quay.io", R"({"url":"https://eu.quay.io/base"})"), "https://eu.quay.io/base");
  EXPECT_EQ(server("quay.io", R"({"url":"http://eu.quay.io","ns":true})"), "https://quay.io");
  EXPECT_EQ(server("corp:5000", R"({"url":"https://other"},{"url":"http://corp:5000"})"),
            "http://corp:5000");
}

TEST(ClientRegistries, Aliases) {
  EXPECT_THAT(registries(R"("docker.io":{"aliases":["hub.corp","index.docker.io"],
                              "endpoints":[{"url":"https://hub.cn"}]},
                            "corp":{"aliases":["old.corp"],"endpoints":[{"url":"http://corp"}]})"),
              testing::UnorderedElementsAre(
                  ClientRegistry{"docker.io", "https://registry-1.docker.io", "docker.io"},
                  ClientRegistry{"hub.corp", "https://registry-1.docker.io", "hub.corp"},
                  ClientRegistry{"corp", "http://corp", "corp"},
                  ClientRegistry{"old.corp", "http://corp", "old.corp"}));
}

TEST(ClientRegistries, APortIsInNoPath) {
  EXPECT_THAT(registries(R"("corp:5000":{"endpoints":[{"url":"http://corp:5000"}]})"),
              ElementsAre(ClientRegistry{"corp:5000", "http://corp:5000", ""}));
  EXPECT_THAT(registries(R"("corp:5000":{"aliases":["x:1","corp"],
                                         "endpoints":[{"url":"http://corp:5000"}]})"),
              ElementsAre(ClientRegistry{"corp:5000", "http://corp:5000", "corp"},
                          ClientRegistry{"x:1", "http://corp:5000", "corp"},
                          ClientRegistry{"corp", "http://corp:5000", "corp"}));
}

}  // namespace
}  // namespace entrepot::app
