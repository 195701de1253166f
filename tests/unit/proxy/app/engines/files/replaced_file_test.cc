// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/engines/files/replaced_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <stdexcept>
#include <system_error>

#include "tests/unit/proxy/app/scratch.h"

namespace entrepot::app {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

class ReplacedFile : public testing::Test {
 protected:
  void put(const fs::path& path, std::string_view content) { std::ofstream(path) << content; }
  std::string at(const fs::path& path) { return content_of_file(path).value_or("nothing"); }
  std::vector<std::string> names() {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(file_.parent_path()))
      names.push_back(entry.path().filename());
    return names;
  }

  Scratch scratch_;
  const fs::path file_ = scratch_.path() / "etc" / "engine" / "f.json";
};

TEST_F(ReplacedFile, CreatesFolders) {
  EXPECT_EQ(content_of_file(file_), std::nullopt);
  EXPECT_EQ(replace_file(file_, std::nullopt, "new"), std::nullopt);
  EXPECT_EQ(at(file_), "new");
  EXPECT_THAT(names(), UnorderedElementsAre("f.json"));
  EXPECT_EQ(fs::status(file_).permissions(), fs::perms(0644));
}

TEST_F(ReplacedFile, KeepsEveryBackup) {
  fs::create_directories(file_.parent_path());
  put(file_, "one");
  EXPECT_EQ(replace_file(file_, "one", "two"), file_.string() + ".entrepot-backup");
  EXPECT_EQ(replace_file(file_, "two", "three"), file_.string() + ".entrepot-backup.2");
  EXPECT_EQ(replace_file(file_, "three", ""), file_.string() + ".entrepot-backup.3");
  EXPECT_EQ(at(file_), "");
  EXPECT_EQ(at(file_.string() + ".entrepot-backup"), "one");
  EXPECT_EQ(at(file_.string() + ".entrepot-backup.2"), "two");
  EXPECT_EQ(at(file_.string() + ".entrepot-backup.3"), "three");
  EXPECT_EQ(names().size(), 4U);
}

TEST_F(ReplacedFile, WithoutBackupAndWithAnotherMode) {
  const Replacement secret = {.mode_of_new_file = 0600, .keep_backup = false};
  EXPECT_EQ(replace_file(file_, std::nullopt, "one", secret), std::nullopt);
  EXPECT_EQ(fs::status(file_).permissions(), fs::perms(0600));
  EXPECT_EQ(replace_file(file_, "one", "two", secret), std::nullopt);
  EXPECT_EQ(at(file_), "two");
  EXPECT_THAT(names(), UnorderedElementsAre("f.json"));
  EXPECT_THROW(replace_file(file_, "one", "three", secret), std::system_error);
  EXPECT_EQ(at(file_), "two");
}

TEST_F(ReplacedFile, KeepsModeAndOwner) {
  fs::create_directories(file_.parent_path());
  put(file_, "one");
  ASSERT_EQ(::chmod(file_.c_str(), 0640), 0);
  const bool root = ::geteuid() == 0;
  if (root) {
    ASSERT_EQ(::chown(file_.c_str(), 1234, 4321), 0);
  }
  struct stat before {
  }, after{};
  ASSERT_EQ(::stat(file_.c_str(), &before), 0);
  replace_file(file_, "one", "two");
  ASSERT_EQ(::stat(file_.c_str(), &after), 0);
  EXPECT_NE(after.st_ino, before.st_ino);
  EXPECT_EQ(after.st_mode & 07777U, 0640U);
  EXPECT_EQ(after.st_uid, before.st_uid);
  EXPECT_EQ(after.st_gid, before.st_gid);
}

TEST_F(ReplacedFile, DoesNotOverwriteAConcurrentChange) {
  fs::create_directories(file_.parent_path());
  put(file_, "by another");
  EXPECT_THROW(replace_file(file_, "one", "two"), std::system_error);
  EXPECT_THROW(replace_file(file_, std::nullopt, "two"), std::system_error);
  EXPECT_EQ(at(file_), "by another");
  EXPECT_THAT(names(), UnorderedElementsAre("f.json"));
}

TEST_F(ReplacedFile, KeepsADirectoryThatHasItsName) {
  // A directory is not replaced by rename(), nor does it have two names.
  fs::create_directories(file_);
  EXPECT_THROW(content_of_file(file_), std::runtime_error);
  EXPECT_THROW(replace_file(file_, "one", "two"), std::runtime_error);
  EXPECT_THAT(names(), UnorderedElementsAre("f.json"));
  EXPECT_TRUE(fs::is_directory(file_));
  // Nor is there a folder below a file.
  put(scratch_.path() / "file", "");
  EXPECT_EQ(content_of_file(scratch_.path() / "file" / "f.json"), std::nullopt);
  EXPECT_THROW(replace_file(scratch_.path() / "file" / "f.json", std::nullopt, "two"),
               std::runtime_error);
}

TEST_F(ReplacedFile, RefusesAFileTooLargeForAConfiguration) {
  fs::create_directories(file_.parent_path());
  put(file_, std::string(4 << 20, 'x'));
  EXPECT_EQ(content_of_file(file_).value().size(), 4U << 20);
  put(file_, std::string((4 << 20) + 1, 'x'));
  EXPECT_THROW(content_of_file(file_), std::runtime_error);
}

TEST_F(ReplacedFile, LinksAreFollowedWithinTheRoot) {
  const auto& root = scratch_.path();
  fs::create_directories(root / "etc");
  fs::create_directories(root / "data" / "engine");
  EXPECT_EQ(path_below(root, "/etc/new/f.json"), fs::canonical(root) / "etc" / "new" / "f.json");
  EXPECT_EQ(path_below("/", "/nonexistent/f.json"), "/nonexistent/f.json");

  fs::create_directory_symlink("../data/engine", root / "etc" / "engine");
  const auto real = fs::canonical(root) / "data" / "engine" / "f.json";
  EXPECT_EQ(path_below(root, "/etc/engine/f.json"), real);
  put(real, "one");
  fs::create_symlink("../data/engine/f.json", root / "etc" / "link.json");
  replace_file(path_below(root, "/etc/link.json"), "one", "two");
  EXPECT_TRUE(fs::is_symlink(root / "etc" / "link.json"));
  EXPECT_EQ(at(real), "two");
}

TEST_F(ReplacedFile, LinksThatLeadElsewhereAreRefused) {
  const auto& root = scratch_.path();
  const auto why = [&](const fs::path& path) -> std::string {
    try {
      return "nothing, " + path_below(root, path).string();
    } catch (const std::runtime_error& error) {
      return error.what();
    }
  };
  fs::create_directory_symlink("/usr", root / "out");
  EXPECT_THAT(why("/out/f.json"), HasSubstr("leads out of"));
  EXPECT_THAT(why("/../../f.json"), HasSubstr("leads out of"));
  fs::create_symlink("nowhere", root / "dangling");
  EXPECT_THAT(why("/dangling"), HasSubstr("a link to nothing"));
  fs::create_symlink("circle", root / "circle");
  EXPECT_THAT(why("/circle"), HasSubstr("circle"));
}

}  // namespace
}  // namespace entrepot::app
