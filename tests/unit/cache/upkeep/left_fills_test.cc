// SPDX-License-Identifier: Apache-2.0
#include "cache/upkeep/left_fills.h"

#include <gtest/gtest.h>

#include <chrono>
#include <fstream>

#include "tests/unit/cache/storage_fixture.h"

namespace entrepot::cache {
namespace {

constexpr std::uint64_t page = 4096;
constexpr std::uint64_t blob_size = 1 << 20;

class LeftFillsTest : public StorageTest {
 protected:
  /// Leaves the file of a fill with one written page, `at` bytes from its beginning.
  Digest leave(const std::string& name, std::uint64_t at, int hours_ago = 0) {
    const auto digest = sha256(name);
    const auto file = storage.files.create_fill(digest, blob_size);
    EXPECT_NE(file, nullptr);
    const std::string bytes(page, 'x');
    EXPECT_EQ(storage.files.write(digest, *file, at, std::as_bytes(std::span(bytes))), 0);
    std::filesystem::last_write_time(
        layout.fill(digest),
        std::filesystem::file_time_type::clock::now() - std::chrono::hours(hours_ago));
    return digest;
  }

  const Layout layout{storage.options.directory};
};

TEST_F(LeftFillsTest, FindsTheWrittenPagesOfAFile) {
  const auto digest = leave("blob", 64 * page);
  const auto found = left_fills(layout);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].digest, digest);
  EXPECT_EQ(found[0].size, blob_size);
  EXPECT_EQ(found[0].extents.bytes(), page);
  EXPECT_TRUE(found[0].extents.covers({64 * page, 65 * page}));
}

TEST_F(LeftFillsTest, ListsTheOldestFirst) {
  const auto newest = leave("newest", 0, 1);
  const auto oldest = leave("oldest", 0, 3);
  const auto middle = leave("middle", 0, 2);
  const auto found = left_fills(layout);
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].digest, oldest);
  EXPECT_EQ(found[1].digest, middle);
  EXPECT_EQ(found[2].digest, newest);
}

TEST_F(LeftFillsTest, RemovesFilesThatNoFillHasWritten) {
  std::ofstream(layout.fills() / "note") << "x";
  const auto copied = layout.fill(sha256("a file that another program has made"));
  std::ofstream(copied) << "x";
  const auto empty = sha256("no byte has arrived");
  ASSERT_NE(storage.files.create_fill(empty, blob_size), nullptr);
  const auto link = layout.fill(sha256("link"));
  std::filesystem::create_symlink("/etc/hostname", link);
  EXPECT_TRUE(left_fills(layout).empty());
  EXPECT_TRUE(std::filesystem::is_empty(layout.fills()));
}

TEST_F(LeftFillsTest, FindsNothingWithoutTheFolder) {
  std::filesystem::remove_all(layout.fills());
  EXPECT_TRUE(left_fills(layout).empty());
}

}  // namespace
}  // namespace entrepot::cache
