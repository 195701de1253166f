// SPDX-License-Identifier: Apache-2.0
#include "proxy/registry/reply/client_kind.h"

#include <gtest/gtest.h>

#include <string>

namespace entrepot::registry {
namespace {

using metrics::ClientNetwork;
using metrics::Engine;

TEST(EngineOf, TakesTheFirstProduct) {
  EXPECT_EQ(engine_of("docker/20.10.24+dfsg1 go/go1.19.8 kernel/6.1 os/linux arch/amd64"),
            Engine::docker);
  EXPECT_EQ(engine_of("containerd/1.6.20~ds1"), Engine::containerd);
  EXPECT_EQ(engine_of("Helm/3.12.0"), Engine::helm);
  EXPECT_EQ(engine_of("cri-o/1.28.0 go/go1.21 os/linux arch/amd64"), Engine::cri_o);
  EXPECT_EQ(engine_of("Buildah/1.39.3"), Engine::buildah);
  EXPECT_EQ(engine_of("containers/5.23.1 (github.com/containers/image)"), Engine::containers);
  EXPECT_EQ(engine_of("skopeo"), Engine::skopeo);
  EXPECT_EQ(engine_of("entrepot/1.0.0"), Engine::entrepot);
}

TEST(EngineOf, KnowsALibraryBehindAnotherName) {
  EXPECT_EQ(engine_of("go-containerregistry/v0.19.1"), Engine::crane);
  EXPECT_EQ(engine_of("tool/2 (linux) go-containerregistry/v0.19.1"), Engine::crane);
  EXPECT_EQ(engine_of("cosign/v2.2.0 (linux; amd64) go-containerregistry/v0.19.1"), Engine::cosign);
}

TEST(EngineOf, TakesAnythingElseForOther) {
  for (const std::string text : {"", " ", "/", "curl/8.5.0", "dockerd/1", "not docker/1"})
    EXPECT_EQ(engine_of(text), Engine::other) << text;
  EXPECT_EQ(engine_of(std::string(600, 'x') + " go-containerregistry"), Engine::other)
      << "behind the bytes that are read";
}

ClientNetwork network_of_ip(const std::string& text) {
  http::Peer peer;
  peer.ip = IpAddress::parse(text).value();
  return network_of(peer);
}

TEST(NetworkOf, TellsAddressesApart) {
  for (const char* host : {"127.0.0.1", "127.9.9.9", "::1"})
    EXPECT_EQ(network_of_ip(host), ClientNetwork::host) << host;
  for (const char* local : {"10.1.2.3", "172.16.0.1", "172.31.255.1", "192.168.1.1", "100.64.0.1",
                            "100.127.0.1", "169.254.1.1", "fd00::1", "fe80::1", "febf::1"})
    EXPECT_EQ(network_of_ip(local), ClientNetwork::local) << local;
  for (const char* global : {"172.15.0.1", "172.32.0.1", "192.169.1.1", "100.63.0.1", "100.128.0.1",
                             "11.0.0.1", "8.8.8.8", "2001:db8::1", "fec0::1"})
    EXPECT_EQ(network_of_ip(global), ClientNetwork::global) << global;
}

TEST(NetworkOf, KnowsUnixSocketsAndUnknownAddresses) {
  http::Peer peer;
  EXPECT_EQ(network_of(peer), ClientNetwork::unknown);
  peer.uid = 1000;
  EXPECT_EQ(network_of(peer), ClientNetwork::host);
}

}  // namespace
}  // namespace entrepot::registry
