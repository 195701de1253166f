// SPDX-License-Identifier: Apache-2.0
// The ways of engines to the mirror, from files that other hands have written.
#include "proxy/app/engines/check/route.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <stdexcept>

#include "tests/unit/proxy/app/scratch.h"

namespace entrepot::app {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr const char* login = "Basic YTpi";  // a:b

class Routes : public testing::Test {
 protected:
  void put(const fs::path& path, std::string_view content) {
    const auto file = scratch_.path() / path.relative_path();
    fs::create_directories(file.parent_path());
    std::ofstream(file) << content;
  }
  static Route route(const FoundRoute& found) {
    if (const auto* none = std::get_if<NoRoute>(&found)) ADD_FAILURE() << none->why;
    const auto* route = std::get_if<Route>(&found);
    return route == nullptr ? Route{} : *route;
  }
  static std::string why_not(const FoundRoute& found) {
    const auto* none = std::get_if<NoRoute>(&found);
    return none == nullptr ? "a route" : none->why;
  }

  const Scratch scratch_;
  const System system_{scratch_.path()};
  const ClientMirror mirror_ = client_mirror("https://10.0.0.5:5443");
  const ClientMirror plain_ = client_mirror("http://10.0.0.5:5000");
  const ClientMirror here_ = client_mirror("https://127.0.0.1:5443");
  const ClientRegistry hub_ = {"docker.io", "https://registry-1.docker.io", "docker.io"};
};

TEST_F(Routes, DockerReadsItsFolderOfCertificates) {
  EXPECT_THAT(why_not(docker_route(system_, mirror_)), HasSubstr("does not exist"));
  put("/etc/docker/daemon.json", R"({ "registry-mirrors": ["https://10.0.0.5:5443/"] })");
  put("/etc/docker/certs.d/10.0.0.5:5443/a.crt", "one");
  put("/etc/docker/certs.d/10.0.0.5:5443/b.crt", "two");
  put("/etc/docker/certs.d/10.0.0.5:5443/node.cert", "certificate");
  put("/etc/docker/certs.d/10.0.0.5:5443/node.key", "key");
  const auto found = route(docker_route(system_, mirror_));
  EXPECT_EQ(found.url, "https://10.0.0.5:5443");
  EXPECT_EQ(found.authorities, "one\ntwo\n");
  EXPECT_EQ(found.certificate, "certificate");
  EXPECT_EQ(found.key, "key");
  EXPECT_FALSE(found.trusts_every_certificate);
  EXPECT_THAT(why_not(docker_route(system_, plain_)), HasSubstr("does not name http://10.0.0.5"));
  fs::remove(scratch_.path() / "etc/docker/certs.d/10.0.0.5:5443/node.key");
  EXPECT_THROW(docker_route(system_, mirror_), std::runtime_error);
}

TEST_F(Routes, DockerTrustsThisMachineAndInsecureRegistries) {
  put("/etc/docker/daemon.json", R"({ "registry-mirrors": ["https://127.0.0.1:5443"] })");
  put("/etc/docker/certs.d/127.0.0.1:5443/node.cert", "not read");
  EXPECT_TRUE(route(docker_route(system_, here_)).trusts_every_certificate);
  put("/etc/docker/daemon.json",
      R"({ "registry-mirrors": ["https://10.0.0.5:5443"], "insecure-registries": ["10.0.0.5:5443"] })");
  EXPECT_TRUE(route(docker_route(system_, mirror_)).trusts_every_certificate);
  put("/etc/docker/daemon.json", "{");
  EXPECT_THROW(docker_route(system_, mirror_), std::runtime_error);
}

TEST_F(Routes, HostsTomlOfTheRegistryComesBeforeTheDefault) {
  const auto found = [&] { return hosts_route(system_, "/etc/hosts.d", mirror_, hub_); };
  EXPECT_THAT(why_not(found()), HasSubstr("docker.io/hosts.toml does not exist"));
  put("/etc/hosts.d/_default/hosts.toml",
      "[host.'https://10.0.0.5:5443']\n  skip_verify = true\n"
      "  [host.'https://10.0.0.5:5443'.header]\n    authorization = 'Bearer t'\n");
  EXPECT_TRUE(route(found()).trusts_every_certificate);
  EXPECT_EQ(route(found()).authorization, "Bearer t");
  EXPECT_EQ(route(found()).target, "/v2/?ns=docker.io");
  put("/etc/hosts.d/docker.io/hosts.toml", "server = 'https://other'\n");
  EXPECT_THAT(why_not(found()), HasSubstr("has no [host.\"https://10.0.0.5:5443\"]"));
  put("/etc/hosts.d/docker.io/hosts.toml", "[host");
  EXPECT_THROW(found(), std::runtime_error);
}

TEST_F(Routes, HostsTomlNamesCertificatesInSeveralForms) {
  put("/etc/hosts.d/docker.io/both.pem", "both");
  put("/etc/pki/ca.pem", "ca");
  const auto of = [&](const std::string& keys) {
    put("/etc/hosts.d/docker.io/hosts.toml", "[host.'https://10.0.0.5:5443']\n" + keys);
    return route(hosts_route(system_, "/etc/hosts.d", mirror_, hub_));
  };
  EXPECT_EQ(of("ca = '/etc/pki/ca.pem'").authorities, "ca\n");
  EXPECT_EQ(of("ca = ['../../pki/ca.pem', 'both.pem']").authorities, "ca\nboth\n");
  for (const auto* client : {"'both.pem'", "['both.pem']", "[['both.pem']]"})
    EXPECT_EQ(of(std::string("client = ") + client).key, "both") << client;
  EXPECT_EQ(of("client = [['both.pem', '/etc/pki/ca.pem']]").key, "ca");
  EXPECT_THROW(of("ca = 'absent.pem'"), std::runtime_error);
}

TEST_F(Routes, TheLastFileOfPodmanCounts) {
  const auto found = [&](const std::vector<fs::path>& logins = {}) {
    return containers_route(system_, logins, true, mirror_, hub_);
  };
  const std::string entry =
      "[[registry]]\nlocation = 'docker.io'\n[[registry.mirror]]\nlocation = "
      "'10.0.0.5:5443/docker.io'\n";
  EXPECT_THAT(why_not(found()), HasSubstr("has a [[registry]] for it"));
  put("/etc/containers/registries.conf", entry);
  EXPECT_EQ(route(found()).url, "https://10.0.0.5:5443");
  put("/etc/containers/registries.conf.d/a.conf",
      "[[registry]]\nprefix = 'docker.io'\nlocation = 'x'\n");
  EXPECT_THAT(why_not(found()), HasSubstr("a.conf has no mirror 10.0.0.5:5443/docker.io"));
  put("/etc/containers/registries.conf.d/b.conf", entry + "insecure = true\n");
  EXPECT_TRUE(route(found()).trusts_every_certificate);
  put("/etc/containers/registries.conf.d/c.conf", entry + "[other]\n");
  EXPECT_FALSE(route(found()).trusts_every_certificate);
  put("/etc/containers/registries.conf.d/d.conf",
      "[[registry]]\nprefix = 'docker.io'\nblocked = true\n");
  EXPECT_THAT(why_not(found()), HasSubstr("d.conf blocks it"));
}

TEST_F(Routes, PodmanFindsCertificatesAndLogins) {
  put("/etc/containers/registries.conf",
      "[[registry]]\nprefix = 'docker.io'\n[[registry.mirror]]\nlocation = "
      "'10.0.0.5:5443/docker.io'\n");
  const auto found = [&](bool certificates = true) {
    return route(containers_route(system_, {"/a.json", "/b.json"}, certificates, mirror_, hub_));
  };
  put("/etc/docker/certs.d/10.0.0.5:5443/ca.crt", "docker");
  EXPECT_EQ(found().authorities, "docker\n");
  EXPECT_EQ(found(false).authorities, "");
  put("/etc/containers/certs.d/10.0.0.5:5443/ca.crt", "containers");
  EXPECT_EQ(found().authorities, "containers\n");

  put("/b.json", R"({ "auths": { "10.0.0.5:5443": { "auth": "YTpi" } } })");
  EXPECT_EQ(found().authorization, login);
  EXPECT_FALSE(found().login_at_once);
  put("/a.json", R"({ "auths": { "10.0.0.5:5443": { "auth": "eDp5" },
                                 "10.0.0.5:5443/docker.io": { "auth": "cGF0aA==" } } })");
  EXPECT_EQ(found().authorization, "Basic cGF0aA==");
}

TEST_F(Routes, K3sHasAnEntryForAllRegistries) {
  const fs::path file = "/etc/rancher/k3s/registries.yaml";
  const auto found = [&] { return rancher_route(system_, file, mirror_, hub_); };
  EXPECT_THAT(why_not(found()), HasSubstr("does not exist"));
  put("/ca", "ca");
  put(file,
      "mirrors:\n  '*':\n    endpoint: [ 'https://10.0.0.5:5443' ]\n"
      "configs:\n  10.0.0.5:5443:\n    auth: { username: a, password: b }\n"
      "    tls: { ca_file: /ca, insecure_skip_verify: true }\n");
  EXPECT_EQ(route(found()).authorization, login);
  EXPECT_EQ(route(found()).authorities, "ca");
  EXPECT_TRUE(route(found()).trusts_every_certificate);
  put(file,
      "mirrors: { '*': { endpoint: [ 'https://10.0.0.5:5443' ] }, docker.io: { endpoint: [ x ] } "
      "}");
  EXPECT_THAT(why_not(found()), HasSubstr("does not name https://10.0.0.5:5443"));
  put(file, "mirrors: [");
  EXPECT_THROW(found(), std::runtime_error);
  // Aliases that multiply.
  put(file,
      "a: &a [1,1,1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
      "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
      "e: [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\n");
  EXPECT_THROW(found(), std::runtime_error);
}

TEST_F(Routes, BuildkitHasATableForTheMirror) {
  const auto found = [&](const ClientMirror& mirror) {
    return buildkit_route(system_, mirror, hub_);
  };
  EXPECT_THAT(why_not(found(mirror_)), HasSubstr("does not exist"));
  put("/ca", "ca");
  put("/certificate", "certificate");
  put("/key", "key");
  put("/etc/buildkit/buildkitd.toml",
      "[registry.'docker.io']\nmirrors = ['10.0.0.5:5443', '10.0.0.5:5000']\n"
      "[registry.'10.0.0.5:5000']\nhttp = true\n"
      "[registry.'10.0.0.5:5443']\nca = ['/ca']\n"
      "[[registry.'10.0.0.5:5443'.keypair]]\nkey = '/key'\ncert = '/certificate'\n");
  EXPECT_EQ(route(found(plain_)).url, "http://10.0.0.5:5000");
  const auto secure = route(found(mirror_));
  EXPECT_EQ(secure.url, "https://10.0.0.5:5443");
  EXPECT_EQ(secure.authorities, "ca\n");
  EXPECT_EQ(secure.certificate, "certificate");
  EXPECT_EQ(secure.key, "key");
  EXPECT_THAT(why_not(found(here_)), HasSubstr("does not name"));
}

}  // namespace
}  // namespace entrepot::app
