// SPDX-License-Identifier: Apache-2.0
#include "cache/base/folder.h"

#include <dirent.h>
#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <fstream>
#include <vector>

#include "tests/unit/cache/cache_fixture.h"

namespace {

/// Number of entries that this thread reads before a disk error; negative: all.
thread_local int entries_left = -1;

}  // namespace

// Replaces the function of the C library, also for the C++ library.
extern "C" dirent* readdir(DIR* folder) {
  if (entries_left == 0) {
    errno = EIO;
    return nullptr;
  }
  if (entries_left > 0) --entries_left;
  static const auto real = reinterpret_cast<dirent* (*)(DIR*)>(dlsym(RTLD_NEXT, "readdir"));
  return real(folder);
}

namespace entrepot::cache {
namespace {

class FolderTest : public testing::Test {
 protected:
  FolderTest() {
    for (const char* name : {"a", "b", "c"}) std::ofstream(folder_.path() / name) << name;
  }
  ~FolderTest() override { entries_left = -1; }

  std::error_code read(const std::filesystem::path& folder) {
    return for_each_entry(
        folder, [this](const auto& entry) { names_.push_back(entry.path().filename().string()); });
  }

  ScratchFolder folder_;
  std::vector<std::string> names_;
};

TEST_F(FolderTest, VisitsEachEntryOnce) {
  EXPECT_FALSE(read(folder_.path()));
  EXPECT_THAT(names_, testing::UnorderedElementsAre("a", "b", "c"));
}

TEST_F(FolderTest, ReportsAMissingFolder) {
  EXPECT_EQ(read(folder_.path() / "none"), std::errc::no_such_file_or_directory);
  EXPECT_TRUE(names_.empty());
}

TEST_F(FolderTest, ReportsADiskErrorInTheMiddle) {
  entries_left = 4;  // includes "." and ".."
  EXPECT_EQ(read(folder_.path()), std::errc::io_error);
  EXPECT_GE(names_.size(), 2U);
  EXPECT_LT(names_.size(), 4U);
}

}  // namespace
}  // namespace entrepot::cache
