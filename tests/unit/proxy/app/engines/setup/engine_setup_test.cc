// SPDX-License-Identifier: Apache-2.0
// The setups of the engines: new files, and changes of existing ones.
#include "proxy/app/engines/setup/engine_setup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/app/engines/setup/buildkit_setup.h"
#include "proxy/app/engines/setup/containerd_setup.h"
#include "proxy/app/engines/setup/containers_login.h"
#include "proxy/app/engines/setup/docker_setup.h"
#include "proxy/app/engines/setup/kaniko_setup.h"
#include "proxy/app/engines/setup/podman_setup.h"
#include "proxy/app/engines/setup/rancher_setup.h"
#include "proxy/app/engines/setup/toml_lines.h"

namespace entrepot::app {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using Outcome = Merged::Outcome;

const ClientMirror here = client_mirror("http://127.0.0.1:5000");
const ClientMirror there = client_mirror("http://10.0.0.5:5000");
const ClientMirror secure = client_mirror("https://mirror.example");
const std::vector<ClientRegistry> all_registries = {
    {"docker.io", "https://registry-1.docker.io", "docker.io"},
    {"corp:5000", "http://corp:5000", "corp"}};

const std::string of_containerd =
    "# Written by entrepot client-config, which leaves it alone once it is edited.\n"
    "server = \"https://registry-1.docker.io\"\n"
    "\n"
    "[host.\"http://10.0.0.5:5000\"]\n"
    "  capabilities = [\"pull\", \"resolve\"]\n";

/// A second run leaves a merged file unchanged.
Merged merged(const EngineFile& file, std::string_view existing, bool ours = false) {
  auto result = file.merge(existing, ours);
  if (result.outcome == Outcome::changed) {
    EXPECT_EQ(file.merge(result.text, true).outcome, Outcome::unchanged) << result.text;
  }
  return result;
}

TEST(DockerSetup, FreshFile) {
  const auto fresh = [](const ClientMirror& mirror) {
    const auto setup = docker_setup(mirror, all_registries);
    EXPECT_EQ(setup.files.size(), 1U);
    EXPECT_EQ(setup.files[0].path, "/etc/docker/daemon.json");
    EXPECT_EQ(merged(setup.files[0], setup.files[0].content).outcome, Outcome::unchanged);
    return setup.files[0].content;
  };
  EXPECT_EQ(fresh(here), "{\n  \"registry-mirrors\": [\n    \"http://127.0.0.1:5000\"\n  ]\n}\n");
  EXPECT_EQ(fresh(secure),
            "{\n  \"registry-mirrors\": [\n    \"https://mirror.example\"\n  ]\n}\n");
  EXPECT_EQ(fresh(there),
            "{\n  \"registry-mirrors\": [\n    \"http://10.0.0.5:5000\"\n  ],\n"
            "  \"insecure-registries\": [\n    \"10.0.0.5:5000\"\n  ]\n}\n");
}

TEST(DockerSetup, Merge) {
  const auto file = docker_setup(there, all_registries).files[0];
  const auto result = merged(file, R"({"live-restore":true,"registry-mirrors":["https://a"]})");
  EXPECT_EQ(result.outcome, Outcome::changed);
  EXPECT_EQ(result.text,
            "{\n  \"live-restore\": true,\n"
            "  \"registry-mirrors\": [\n    \"http://10.0.0.5:5000\",\n    \"https://a\"\n  ],\n"
            "  \"insecure-registries\": [\n    \"10.0.0.5:5000\"\n  ]\n}\n");
}

TEST(DockerSetup, CommentsAreRefused) {
  const auto result = docker_setup(here, all_registries).files[0].merge("{ // ours\n}", false);
  EXPECT_EQ(result.outcome, Outcome::refused);
  EXPECT_THAT(result.text, AllOf(HasSubstr("line 1, column 3"), HasSubstr("without comments")));
}

TEST(DockerSetup, ExplainsPullsFromOtherRegistries) {
  const auto setup = docker_setup(there, all_registries);
  EXPECT_THAT(setup.next, ElementsAre(HasSubstr("systemctl reload docker")));
  EXPECT_THAT(setup.notes, ElementsAre(HasSubstr("--registry-mirror"),
                                       HasSubstr("docker pull 10.0.0.5:5000/corp/")));
  EXPECT_THAT(docker_setup(there, {all_registries[0]}).notes, SizeIs(1));
}

TEST(ContainerdSetup, FreshFiles) {
  const auto setup = containerd_setup(there, all_registries, "");
  ASSERT_EQ(setup.files.size(), 2U);
  EXPECT_EQ(setup.files[0].path, "/etc/containerd/certs.d/docker.io/hosts.toml");
  EXPECT_EQ(setup.files[0].content, of_containerd);
  EXPECT_EQ(setup.files[1].path, "/etc/containerd/certs.d/corp:5000/hosts.toml");
  EXPECT_THAT(setup.files[1].content, HasSubstr("server = \"http://corp:5000\"\n"));
}

TEST(ContainerdSetup, ReplacesItsOwnFileUntilItIsEdited) {
  const auto of_mirror = [](const ClientMirror& mirror) {
    return containerd_setup(mirror, all_registries, "").files[0];
  };
  EXPECT_EQ(merged(of_mirror(there), of_containerd).outcome, Outcome::unchanged);
  const auto moved = merged(of_mirror(here), of_containerd);
  EXPECT_EQ(moved.outcome, Outcome::changed);
  EXPECT_EQ(moved.text, of_mirror(here).content);

  for (const auto& edited :
       {of_containerd + "  skip_verify = true\n", "# mine\n" + of_containerd,
        of_containerd.substr(0, of_containerd.size() - 1), of_containerd + of_containerd}) {
    EXPECT_EQ(of_mirror(there).merge(edited, false).outcome, Outcome::unchanged) << edited;
    EXPECT_EQ(of_mirror(here).merge(edited, false).outcome, Outcome::refused) << edited;
  }
}

TEST(ContainerdSetup, KeepsFilesOfOthers) {
  const auto file = containerd_setup(there, all_registries, "").files[0];
  for (const auto* names_it :
       {"[host.\"http://10.0.0.5:5000\"]\n", "server = \"x\"\n [host.'http://10.0.0.5:5000'] # us"})
    EXPECT_EQ(file.merge(names_it, false).outcome, Outcome::unchanged) << names_it;
  for (const auto* lacks_it :
       {"", "\n", "not toml", "[host.\"http://10.0.0.5:50001\"]", "[host.\"http://10.0.0.5\"]",
        "# Written by entrepot client-config, which leaves it alone once it is edited.\n"}) {
    const auto result = file.merge(lacks_it, false);
    EXPECT_EQ(result.outcome, Outcome::refused) << lacks_it;
    EXPECT_THAT(result.text, HasSubstr("\n[host.\"http://10.0.0.5:5000\"]\n  capabilities"));
  }
}

TEST(ContainerdSetup, AnIpv6AddressIsNoNameOfATable) {
  const auto six = containerd_setup(client_mirror("http://[fd00::5]:5000"), all_registries, "");
  EXPECT_EQ(six.files[0].content,
            "# Written by entrepot client-config, which leaves it alone once it is edited.\n"
            "server = \"https://registry-1.docker.io\"\n"
            "\n"
            "host.\"http://[fd00::5]:5000\".capabilities = [\"pull\", \"resolve\"]\n");
  EXPECT_EQ(merged(six.files[0], six.files[0].content).outcome, Outcome::unchanged);
  const auto four = containerd_setup(there, all_registries, "").files[0];
  EXPECT_EQ(merged(four, six.files[0].content).outcome, Outcome::changed);
  EXPECT_EQ(merged(six.files[0], four.content).outcome, Outcome::changed);
}

/// With a certificate and a login.
MirrorAccess everything() {
  MirrorAccess access;
  access.ca = {"/tmp/ca.pem", "ca"};
  access.certificate = {"/tmp/node.pem", "certificate"};
  access.key = {"/tmp/node.key", "key"};
  access.user = "alice";
  access.password = "secret";
  return access;
}

TEST(ContainerdSetup, AccessIsInEachFile) {
  const auto setup = containerd_setup(secure, all_registries, "", everything());
  ASSERT_THAT(setup.files, SizeIs(5));
  EXPECT_EQ(setup.files[0].path, "/etc/containerd/certs.d/mirror.example/ca.crt");
  EXPECT_EQ(setup.files[0].copy_of, "/tmp/ca.pem");
  EXPECT_FALSE(setup.files[1].secret);
  EXPECT_TRUE(setup.files[2].secret);
  EXPECT_TRUE(setup.files[3].secret);
  EXPECT_THAT(setup.files[3].content,
              testing::EndsWith("[host.\"https://mirror.example\"]\n"
                                "  capabilities = [\"pull\", \"resolve\"]\n"
                                "  ca = \"../mirror.example/ca.crt\"\n"
                                "  client = [[\"../mirror.example/client.cert\", "
                                "\"../mirror.example/client.key\"]]\n"
                                "  header.Authorization = [\"Basic YWxpY2U6c2VjcmV0\"]\n"));
  // Only the record knows that it is ours.
  EXPECT_EQ(
      merged(containerd_setup(there, all_registries, "").files[0], setup.files[3].content, true)
          .outcome,
      Outcome::changed);
  const auto six =
      containerd_setup(client_mirror("https://[fd00::5]"), all_registries, "", everything());
  EXPECT_THAT(six.files[3].content,
              HasSubstr("\nhost.\"https://[fd00::5]\".ca = \"../[fd00::5]/ca.crt\"\n"));
  EXPECT_THAT(six.files[3].content,
              HasSubstr("\nhost.\"https://[fd00::5]\".header.Authorization ="));
}

TEST(MirrorAccess, Authorization) {
  EXPECT_EQ(everything().authorization(), "Basic YWxpY2U6c2VjcmV0");
  MirrorAccess token;
  EXPECT_FALSE(token.has_login());
  token.token = "t";
  EXPECT_TRUE(token.has_login());
  EXPECT_EQ(token.authorization(), "Bearer t");
}

TEST(ContainerdSetup, QuotesAreWritten) {
  const std::vector<ClientRegistry> odd = {{"corp", "https://corp/a\"b\\c", "corp"}};
  const auto file = containerd_setup(there, odd, "").files[0];
  EXPECT_THAT(file.content, HasSubstr(R"(server = "https://corp/a\"b\\c")"));
  EXPECT_EQ(merged(file, file.content).outcome, Outcome::unchanged);
}

TEST(ContainerdSetup, UsesTheFolderThatTheConfigurationNames) {
  const auto folder = [](const std::string& config) {
    const auto setup = containerd_setup(there, all_registries, config);
    return setup.files[0].path.parent_path().parent_path().string() +
           (setup.notes.empty() ? "" : " but");
  };
  const std::string old_table = "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".registry]\n";
  const std::string new_table = "version = 3\n[plugins.'io.containerd.cri.v1.images'.registry]\n";
  EXPECT_EQ(folder(old_table + "  config_path = \"/etc/containerd/certs.d\""),
            "/etc/containerd/certs.d");
  EXPECT_EQ(folder(new_table + "\n# config_path = '/a'\n  config_path='/etc/hosts.d' # here\n"),
            "/etc/hosts.d");
  const std::string usual_but = "/etc/containerd/certs.d but";
  EXPECT_EQ(folder(""), usual_but);
  EXPECT_EQ(folder(old_table), usual_but);
  EXPECT_EQ(folder(old_table + "# config_path = \"/a\"\n"), usual_but);
  EXPECT_EQ(folder(old_table + "config_path = \"\"\n"), usual_but);
  EXPECT_EQ(folder(old_table + "config_path = \"/a"), usual_but);
  EXPECT_EQ(folder(new_table + "config_path = '/etc/containerd/certs.d:/etc/docker/certs.d'\n"),
            usual_but);
  EXPECT_EQ(folder("[plugins.'io.containerd.transfer.v1.local']\nconfig_path = '/a'\n"), usual_but);
  EXPECT_EQ(folder(old_table + "[plugins.\"io.containerd.grpc.v1.cri\".cni]\nconfig_path='/a'\n"),
            usual_but);
}

TEST(ContainerdSetup, ReportsMissingSettings) {
  const auto note = [](const std::optional<std::string>& config) {
    const auto notes = containerd_setup(there, all_registries, config).notes;
    EXPECT_EQ(notes.size(), 1U);
    return notes.empty() ? "" : notes[0];
  };
  EXPECT_THAT(note(""), AllOf(HasSubstr("/etc/containerd/config.toml has no config_path"),
                              HasSubstr("\nversion = 2\n[plugins.\"io.containerd.grpc.v1.cri\""),
                              Not(HasSubstr("mirrors"))));
  EXPECT_THAT(note("version = 3"), AllOf(HasSubstr("[plugins.\"io.containerd.cri.v1.images\""),
                                         Not(HasSubstr("version = 2"))));
  EXPECT_THAT(note("version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".registry.mirrors.\"a\"]"),
              HasSubstr("refuses both together"));
  EXPECT_THAT(note("[plugins.\"io.containerd.grpc.v1.cri\".registry]\nconfig_path = \"/a:/b\""),
              HasSubstr("12808"));
  EXPECT_THAT(note(std::nullopt), HasSubstr("need /etc/containerd/config.toml"));
}

TEST(PodmanSetup, FreshFile) {
  const auto setup = podman_setup(there, all_registries, {});
  ASSERT_EQ(setup.files.size(), 1U);
  EXPECT_EQ(setup.files[0].path, "/etc/containers/registries.conf.d/entrepot.conf");
  EXPECT_EQ(setup.files[0].content,
            R"(# Written by entrepot client-config, which replaces it (and keeps a backup).

[[registry]]
prefix = "docker.io"
location = "docker.io"

[[registry.mirror]]
location = "10.0.0.5:5000/docker.io"
insecure = true

[[registry]]
prefix = "corp:5000"
location = "corp:5000"
insecure = true

[[registry.mirror]]
location = "10.0.0.5:5000/corp"
insecure = true
)");
  // podman refuses plain http from this machine as from others.
  EXPECT_THAT(podman_setup(here, {all_registries[0]}, {}).files[0].content,
              HasSubstr("\"127.0.0.1:5000/docker.io\"\ninsecure = true\n"));
  EXPECT_THAT(podman_setup(secure, {all_registries[0]}, {}).files[0].content,
              AllOf(HasSubstr("\"mirror.example/docker.io\"\n"), Not(HasSubstr("insecure"))));
}

TEST(PodmanSetup, ReplacesItsOwnFile) {
  const auto file = podman_setup(there, all_registries, {}).files[0];
  EXPECT_EQ(merged(file, file.content).outcome, Outcome::unchanged);
  for (const auto* older : {"", "not toml"}) {
    EXPECT_EQ(merged(file, older).outcome, Outcome::changed);
    EXPECT_EQ(merged(file, older).text, file.content);
  }
}

TEST(PodmanSetup, LeavesOutRegistriesThatNoPathCanName) {
  const auto setup = podman_setup(there, {all_registries[0], {"x:1", "https://x:1", ""}}, {});
  EXPECT_THAT(setup.files[0].content, Not(HasSubstr("x:1")));
  EXPECT_THAT(setup.notes, ElementsAre(HasSubstr("x:1 is left out")));
}

TEST(PodmanSetup, ReportsOtherFilesForTheSameRegistry) {
  const auto notes = [](const std::filesystem::path& path, const std::string& text) {
    return podman_setup(there, all_registries, {{path, text}}).notes;
  };
  const std::filesystem::path folder = podman_folder;
  EXPECT_THAT(notes(podman_file, "[[registry]]\n  prefix='docker.io' # hub\nblocked=true\n"),
              ElementsAre(AllOf(HasSubstr("registries.conf speaks of docker.io"),
                                HasSubstr("no longer counts"))));
  EXPECT_THAT(notes(folder / "a.conf", "location = \"corp:5000\"\nprefix = \"docker.io\""),
              ElementsAre(HasSubstr("docker.io, corp:5000 too; what it says")));
  EXPECT_THAT(notes(folder / "mirrors.conf", "location = \"docker.io\""),
              ElementsAre(HasSubstr("the mirror is not used")));
  for (const auto* text :
       {"", "# prefix = \"docker.io\"", "prefix = \"docker.io/library\"",
        "location = \"mirror.example/docker.io\"", "[aliases]\n\"a\" = \"docker.io/a\""})
    EXPECT_THAT(notes(folder / "a.conf", text), IsEmpty()) << text;
}

TEST(CrioSetup, TheLoginIsInTheFileOfItsConfiguration) {
  const auto file = [](const std::optional<std::string>& logins) {
    const auto setup = crio_setup(secure, all_registries, {}, logins, everything());
    return setup.files.back().path.string() + (setup.notes.empty() ? "" : " perhaps");
  };
  EXPECT_EQ(file("/etc/crio/auth.json"), "/etc/crio/auth.json");
  EXPECT_EQ(file(""), root_login_file);
  EXPECT_EQ(file(std::nullopt), std::string(root_login_file) + " perhaps");
  EXPECT_EQ(crio_setup(secure, all_registries, {}, "").files[0].content,
            podman_setup(secure, all_registries, {}).files[0].content);
}

TEST(KanikoSetup, Flags) {
  const auto setup = kaniko_setup(there, {all_registries[0], {"x:1", "https://x:1", ""}}, {}, {});
  ASSERT_THAT(setup.files, SizeIs(1));
  EXPECT_EQ(setup.files[0].content,
            "--registry-map=index.docker.io=10.0.0.5:5000/docker.io\n"
            "--insecure-registry=10.0.0.5:5000\n");
  EXPECT_THAT(setup.notes, ElementsAre(HasSubstr("x:1 is left out")));
}

TEST(TomlLines, QuotedSetting) {
  EXPECT_EQ(quoted_setting("[a]\n  key = \"one\" # x\nkey='two'", "key"), "two");
  EXPECT_EQ(quoted_setting("key = \"\"\n", "key"), "");
  for (const auto* text : {"", "# key = \"one\"", "keys = \"one\"", "a = \"key = 1\""})
    EXPECT_EQ(quoted_setting(text, "key"), std::nullopt) << text;
}

TEST(RancherSetup, OneFileOfMirrors) {
  const std::string lines =
      "mirrors:\n"
      "  \"docker.io\":\n    endpoint:\n      - \"http://10.0.0.5:5000\"\n"
      "  \"corp:5000\":\n    endpoint:\n      - \"http://10.0.0.5:5000\"\n"
      "      - \"http://corp:5000\"\n";
  const auto k3s = rancher_setup(RancherKind::k3s, there, all_registries);
  ASSERT_THAT(k3s.files, SizeIs(1));
  EXPECT_EQ(k3s.files[0].path, "/etc/rancher/k3s/registries.yaml");
  EXPECT_THAT(k3s.files[0].content,
              AllOf(testing::StartsWith("# Written by entrepot"), testing::EndsWith("\n" + lines)));
  EXPECT_THAT(k3s.next, ElementsAre(HasSubstr("restart k3s ")));
  const auto rke2 = rancher_setup(RancherKind::rke2, there, all_registries);
  EXPECT_EQ(rke2.files[0].path, "/etc/rancher/rke2/registries.yaml");
  EXPECT_EQ(rke2.files[0].content, k3s.files[0].content);
  EXPECT_THAT(rke2.next, ElementsAre(HasSubstr("restart rke2-server ")));
}

TEST(RancherSetup, ReplacesOnlyAFileThatItHasWritten) {
  const auto file = rancher_setup(RancherKind::k3s, there, all_registries).files[0];
  const auto before = rancher_setup(RancherKind::k3s, here, all_registries).files[0].content;
  EXPECT_EQ(merged(file, before).text, file.content);
  EXPECT_EQ(merged(file, file.content).outcome, Outcome::unchanged);
  const auto other = merged(file, "configs:\n  corp:5000:\n    auth: {}\n");
  EXPECT_EQ(other.outcome, Outcome::refused);
  EXPECT_THAT(other.text, HasSubstr("Add to it:\nmirrors:\n"));
  const auto outcome = [&file](std::string_view text) { return merged(file, text).outcome; };
  EXPECT_EQ(outcome("mirrors:\n  docker.io: &a { endpoint: [ http://10.0.0.5:5000 ] }\n"
                    "  'corp:5000': *a\n"),
            Outcome::unchanged);
  EXPECT_EQ(outcome("mirrors: { docker.io: { endpoint: [ http://10.0.0.5:5000 ] } }\n"),
            Outcome::refused)
      << "lacks a registry";
  EXPECT_EQ(outcome("docker.io: x\ncorp:5000: y\nz: http://10.0.0.5:50001\n"), Outcome::refused)
      << "another port";
  EXPECT_EQ(outcome("docker.io: x\ncorp:5000: y\n# http://10.0.0.5:5000\n"), Outcome::refused)
      << "a comment";
}

TEST(BuildkitSetup, ATableForEachRegistryAndOneForAPlainMirror) {
  const auto setup = buildkit_setup(there, all_registries);
  ASSERT_THAT(setup.files, SizeIs(1));
  EXPECT_EQ(setup.files[0].path, "/etc/buildkit/buildkitd.toml");
  EXPECT_THAT(setup.files[0].content,
              testing::EndsWith("\n[registry.\"docker.io\"]\n  mirrors = [\"10.0.0.5:5000\"]\n"
                                "\n[registry.\"corp:5000\"]\n  mirrors = [\"10.0.0.5:5000\"]\n"
                                "  http = true\n"
                                "\n[registry.\"10.0.0.5:5000\"]\n  http = true\n"));
  EXPECT_THAT(setup.notes, IsEmpty());
  EXPECT_THAT(buildkit_setup(here, all_registries).notes,
              ElementsAre(HasSubstr("does not reach 127.0.0.1:5000")));
  EXPECT_THAT(buildkit_setup(secure, all_registries).files[0].content,
              AllOf(HasSubstr("mirrors = [\"mirror.example\"]"),
                    Not(HasSubstr("[registry.\"mirror.example\"]"))));
}

TEST(BuildkitSetup, ReplacesOnlyAFileThatItHasWritten) {
  const auto file = buildkit_setup(there, all_registries).files[0];
  EXPECT_EQ(merged(file, buildkit_setup(here, all_registries).files[0].content).text, file.content);
  const auto other = merged(file, "debug = true\n");
  EXPECT_EQ(other.outcome, Outcome::refused);
  EXPECT_THAT(other.text, HasSubstr("[registry.\"docker.io\"]"));
  EXPECT_EQ(merged(file,
                   "[registry.\"docker.io\"]\nmirrors = [\"10.0.0.5:5000\"]\n"
                   "[registry.'corp:5000']\nmirrors = [\"10.0.0.5:5000\"]\n")
                .outcome,
            Outcome::unchanged);
}

}  // namespace
}  // namespace entrepot::app
