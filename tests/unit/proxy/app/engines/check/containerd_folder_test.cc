// SPDX-License-Identifier: Apache-2.0
// Which folder of hosts.toml containerd reads, from configurations of distributions.
#include "proxy/app/engines/check/containerd_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/unit/proxy/app/scratch.h"

namespace entrepot::app {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const fs::path main_file = "/etc/containerd/config.toml";
const fs::path usual = "/etc/containerd/certs.d";
const std::string second = "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".registry]\n";
const std::string third = "version = 3\n[plugins.'io.containerd.cri.v1.images'.registry]\n";
const std::string path_line = "config_path = \"/etc/containerd/certs.d\"\n";
const std::string two_line = "config_path = '/etc/containerd/certs.d:/etc/docker/certs.d'\n";

class ContainerdFolder : public testing::Test {
 protected:
  void put(const fs::path& path, const std::string& content) {
    const auto file = scratch_.path() / path.relative_path();
    fs::create_directories(file.parent_path());
    std::ofstream(file) << content;
  }
  FolderFinding finding(const fs::path& folder = usual) const {
    return find_folder(System(scratch_.path()), main_file, folder);
  }
  FolderOutcome outcome(const std::string& config, const fs::path& folder = usual) {
    put(main_file, config);
    return finding(folder).outcome;
  }
  std::string text(const std::string& config) {
    put(main_file, config);
    return finding().text;
  }

  const Scratch scratch_;
};

TEST_F(ContainerdFolder, EachFormatNamesIt) {
  EXPECT_EQ(outcome(second + path_line), FolderOutcome::read);
  EXPECT_EQ(outcome(third + path_line), FolderOutcome::read);
  EXPECT_EQ(outcome("[plugins.cri.registry]\n" + path_line), FolderOutcome::read);
  EXPECT_EQ(outcome("version = 2\nplugins.'io.containerd.grpc.v1.cri'.registry = { config_path = "
                    "'/etc/containerd/certs.d/' }\n"),
            FolderOutcome::read);
  EXPECT_EQ(outcome(second + path_line, "/etc/containerd/./certs.d/"), FolderOutcome::read);
  EXPECT_EQ(text(third + path_line),
            "containerd reads /etc/containerd/certs.d: config_path in "
            "/etc/containerd/config.toml is \"/etc/containerd/certs.d\"");
}

TEST_F(ContainerdFolder, WithoutAConfigurationOrAPath) {
  EXPECT_EQ(finding().outcome, FolderOutcome::no_configuration);
  EXPECT_THAT(finding().text, HasSubstr("/etc/containerd/config.toml does not exist"));
  EXPECT_EQ(outcome(""), FolderOutcome::no_config_path);
  EXPECT_EQ(outcome(second), FolderOutcome::no_config_path);
  EXPECT_EQ(outcome(second + "config_path = ''\n"), FolderOutcome::no_config_path);
  // The table of another format.
  EXPECT_EQ(outcome("version = 3\n[plugins.\"io.containerd.grpc.v1.cri\".registry]\n" + path_line),
            FolderOutcome::no_config_path);
  EXPECT_THAT(text("version = 3\n[plugins.'io.containerd.cri.v1.images']\n"),
              HasSubstr("under [plugins.\"io.containerd.cri.v1.images\".registry] there"));
  EXPECT_THAT(text("version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".registry.mirrors.a]\n"),
              AllOf(HasSubstr("[plugins.\"io.containerd.grpc.v1.cri\".registry] there"),
                    HasSubstr("without the tables registry.mirrors")));
}

TEST_F(ContainerdFolder, TheFormatDecidesAboutTheNameOfTheTable) {
  const std::string short_name = "[plugins.cri.registry]\n";
  const std::string full_name = "[plugins.'io.containerd.grpc.v1.cri'.registry]\n";
  EXPECT_EQ(outcome("version = 1\n" + short_name + path_line), FolderOutcome::read);
  EXPECT_EQ(outcome("version = 2\n" + short_name + path_line), FolderOutcome::no_config_path);
  EXPECT_EQ(outcome(full_name + path_line), FolderOutcome::containerd_2);
  EXPECT_THAT(text(full_name + path_line), HasSubstr("under [plugins.cri.registry] there"));
  EXPECT_THAT(text("oom_score = 0\n"), HasSubstr("under [plugins.cri.registry] there"));
  // An import that names no format has that of the file before.
  put("/etc/containerd/a.toml", full_name + path_line);
  EXPECT_EQ(outcome("version = 2\nimports = ['a.toml']\n"), FolderOutcome::read);
}

TEST_F(ContainerdFolder, TheRemedyForAMissingFileNamesItsFormat) {
  EXPECT_THAT(finding().text, HasSubstr("with version = 2 in its first line; set config_path"));
  EXPECT_THAT(finding().text, HasSubstr("under [plugins.\"io.containerd.grpc.v1.cri\".registry]"));
}

TEST_F(ContainerdFolder, TablesOfOtherKindsAreUnreadable) {
  put("/etc/containerd/a.toml", second + path_line);
  EXPECT_EQ(outcome("version = 2\nimports = ['a.toml']\n[plugins.'io.containerd.grpc.v1.cri']\n"
                    "registry = 'x'\n"),
            FolderOutcome::unreadable);
}

TEST_F(ContainerdFolder, TwoFoldersAreOneForTheTransferService) {
  EXPECT_EQ(outcome(third + two_line), FolderOutcome::several_folders);
  EXPECT_THAT(text(third + two_line),
              AllOf(StartsWith("containerd does not read /etc/containerd/certs.d: "),
                    HasSubstr("takes for the name of one folder"),
                    HasSubstr("set config_path = \"/etc/containerd/certs.d\" under")));
  EXPECT_EQ(outcome(third + two_line, "/etc/docker/certs.d"), FolderOutcome::several_folders);
  EXPECT_EQ(outcome(third + two_line, "/etc/hosts.d"), FolderOutcome::other_folder);
}

TEST_F(ContainerdFolder, TwoFoldersAreTwoForTheImageService) {
  const std::string images = "version = 3\n[plugins.'io.containerd.cri.v1.images']\n";
  const std::string registry = "[plugins.'io.containerd.cri.v1.images'.registry]\n" + two_line;
  EXPECT_EQ(outcome(images + "discard_unpacked_layers = true\n" + registry), FolderOutcome::read);
  EXPECT_EQ(outcome(images + "use_local_image_pull = true\n" + registry), FolderOutcome::read);
  EXPECT_EQ(outcome(images + "discard_unpacked_layers = false\n" + registry),
            FolderOutcome::several_folders);
  EXPECT_EQ(outcome(second + two_line +
                    "[plugins.\"io.containerd.grpc.v1.cri\".containerd]\n"
                    "discard_unpacked_layers = true\n"),
            FolderOutcome::read);
}

TEST_F(ContainerdFolder, AnotherFolder) {
  EXPECT_EQ(outcome(second + path_line, "/etc/hosts.d"), FolderOutcome::other_folder);
  EXPECT_THAT(finding("/etc/hosts.d").text,
              AllOf(HasSubstr("is \"/etc/containerd/certs.d\""), HasSubstr("the volume certs-d"),
                    HasSubstr("set config_path = \"/etc/hosts.d\"")));
}

TEST_F(ContainerdFolder, ImportsComeLater) {
  put("/etc/containerd/conf.d/10-a.toml", third + "config_path = '/wrong'\n");
  put("/etc/containerd/conf.d/20-b.toml", third + path_line);
  put("/etc/containerd/conf.d/20-b.toml.bak", third + "config_path = '/old'\n");
  for (const auto* import : {"/etc/containerd/conf.d/*.toml", "conf.d/*.toml"}) {
    EXPECT_EQ(outcome("version = 3\nimports = ['" + std::string(import) + "']\n"),
              FolderOutcome::read)
        << import;
    EXPECT_THAT(finding().text, HasSubstr("conf.d/20-b.toml is"));
  }
}

TEST_F(ContainerdFolder, Containerd2MergesTheTablesOfImports) {
  put("/etc/containerd/conf.d/99-nvidia.toml",
      "version = 2\n[plugins.'io.containerd.grpc.v1.cri'.containerd.runtimes.nvidia]\n"
      "runtime_type = 'io.containerd.runc.v2'\n");
  const std::string imports = "imports = ['conf.d/*.toml']\n";
  EXPECT_EQ(outcome(imports + third + path_line), FolderOutcome::read);
  EXPECT_THAT(finding().text, HasSubstr("config_path in /etc/containerd/config.toml is"));
  EXPECT_EQ(outcome(imports + third), FolderOutcome::no_config_path);
  EXPECT_THAT(finding().text, HasSubstr("/etc/containerd/config.toml has no config_path"));
  // containerd 1 takes the last table as a whole, and this one has no path.
  EXPECT_EQ(outcome(imports + second + path_line), FolderOutcome::containerd_2);
  EXPECT_THAT(finding().text,
              AllOf(StartsWith("containerd 2 reads /etc/containerd/certs.d, and containerd 1 does "
                               "not read /etc/containerd/certs.d: "),
                    HasSubstr("conf.d/99-nvidia.toml has no config_path; set config_path")));
  // A setting of the drop-in counts together with the path of the main file.
  put("/etc/containerd/conf.d/99-nvidia.toml",
      "version = 3\n[plugins.'io.containerd.cri.v1.images']\nuse_local_image_pull = true\n");
  EXPECT_EQ(outcome(imports + third + two_line), FolderOutcome::read);
}

TEST_F(ContainerdFolder, TwoFoldersAreTwoForContainerd1) {
  EXPECT_EQ(outcome(second + two_line), FolderOutcome::containerd_1);
  EXPECT_THAT(finding().text,
              AllOf(StartsWith("containerd 1 reads /etc/containerd/certs.d, and containerd 2 does "
                               "not read /etc/containerd/certs.d: "),
                    HasSubstr("takes for the name of one folder; set config_path")));
}

TEST_F(ContainerdFolder, OnlyAnAsteriskMakesAnImportAPattern) {
  put("/etc/containerd/a[1].toml", third + path_line);
  EXPECT_EQ(outcome("version = 3\nimports = ['a[1].toml']\n"), FolderOutcome::read);
  put("/etc/containerd/b1.toml", third + path_line);
  EXPECT_EQ(outcome("version = 3\nimports = ['b?.toml']\n"), FolderOutcome::no_config_path);
  EXPECT_THAT(finding().text, HasSubstr("not seen from here: its imports /etc/containerd/b?.toml"));
}

TEST_F(ContainerdFolder, ImportsOfImportsAndOfThemselves) {
  put("/etc/containerd/a.toml", "version = 2\nimports = ['config.toml', '/etc/cri/b.toml']\n");
  put("/etc/cri/b.toml", second + path_line);
  EXPECT_EQ(outcome("version = 2\nimports = ['a.toml']\n"), FolderOutcome::read);
}

TEST_F(ContainerdFolder, NamesImportsThatItDoesNotSee) {
  EXPECT_THAT(text("imports = ['/elsewhere/*.toml', '/run/x.toml']\n" + second),
              AllOf(HasSubstr("not seen from here: its imports"), HasSubstr("/run/x.toml"),
                    HasSubstr("/elsewhere/*.toml")));
  EXPECT_EQ(finding().outcome, FolderOutcome::no_config_path);
}

TEST_F(ContainerdFolder, AFileThatCannotBeParsed) {
  EXPECT_EQ(outcome("version = [\n"), FolderOutcome::unreadable);
  EXPECT_THAT(finding().text, AllOf(HasSubstr("cannot be parsed"), Not(HasSubstr("\n"))));
  EXPECT_EQ(outcome("plugins = 3\nimports = 'x'\nversion = 'y'\n"), FolderOutcome::no_config_path);
}

TEST_F(ContainerdFolder, OddNamesAreEscaped) {
  EXPECT_THAT(text(second + "config_path = \"/a\\u001b[2J\"\n"),
              AllOf(HasSubstr("/a\\x1b[2J"), Not(HasSubstr("\x1b"))));
}

}  // namespace
}  // namespace entrepot::app
