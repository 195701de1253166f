// SPDX-License-Identifier: Apache-2.0
// The setups of Docker, podman, CRI-O and kaniko: new files, and changes of existing ones.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/app/engines/setup/containers_login.h"
#include "proxy/app/engines/setup/docker_setup.h"
#include "proxy/app/engines/setup/kaniko_setup.h"
#include "proxy/app/engines/setup/podman_setup.h"
#include "proxy/app/engines/setup/toml_lines.h"
#include "tests/unit/proxy/app/engines/setup/engine_setup_fixture.h"

namespace entrepot::app {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using Outcome = Merged::Outcome;

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

}  // namespace
}  // namespace entrepot::app
