// SPDX-License-Identifier: Apache-2.0
// The setup of containerd: new files, and changes of existing ones.
#include "proxy/app/engines/setup/containerd_setup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/app/engines/setup/toml_lines.h"
#include "tests/unit/proxy/app/engines/setup/engine_setup_fixture.h"

namespace entrepot::app {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;
using Outcome = Merged::Outcome;

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

}  // namespace
}  // namespace entrepot::app
