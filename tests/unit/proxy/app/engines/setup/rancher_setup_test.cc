// SPDX-License-Identifier: Apache-2.0
// The setups of k3s, RKE2 and BuildKit: new files, and changes of existing ones.
#include "proxy/app/engines/setup/rancher_setup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/app/engines/setup/buildkit_setup.h"
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
