// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/page_cache.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <string>

namespace entrepot::http {
namespace {

constexpr std::uint64_t size = 3 << 20;

/// A temporary file on a real disk, because a tmpfs is always in the page cache.
class PageCacheTest : public testing::Test {
 protected:
  PageCacheTest() { fill(64 << 10); }

  /// A new file, written in pieces. Small writes make small folios, which are evicted whole.
  void fill(std::size_t piece) {
    if (fd >= 0) ::close(fd);
    std::string name = "page_cache_test-XXXXXX";
    fd = ::mkstemp(name.data());
    ::unlink(name.c_str());
    const std::string bytes(piece, 'x');
    for (std::uint64_t at = 0; at < size; at += bytes.size())
      EXPECT_EQ(::write(fd, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    EXPECT_EQ(::fsync(fd), 0);
  }
  ~PageCacheTest() override { ::close(fd); }

  void evict(std::uint64_t offset, std::uint64_t length) const {
    ASSERT_EQ(::posix_fadvise(fd, static_cast<off_t>(offset), static_cast<off_t>(length),
                              POSIX_FADV_DONTNEED),
              0);
  }

  int fd = -1;
};

TEST_F(PageCacheTest, JustWrittenBytesAreInThePageCache) {
  EXPECT_TRUE(in_page_cache(fd, 0, size));
  EXPECT_TRUE(in_page_cache(fd, 1, 1));
  EXPECT_TRUE(in_page_cache(fd, size - 1, 1));
  EXPECT_TRUE(in_page_cache(fd, 5, 0));
}

TEST_F(PageCacheTest, EvictedBytesAreInThePageCacheOnceTheyAreRead) {
  evict(0, size);
  if (in_page_cache(fd, 0, size))
    GTEST_SKIP() << "this file system does not evict or does not report it";
  EXPECT_TRUE(read_into_page_cache(fd, 0, size, 0));
  EXPECT_TRUE(in_page_cache(fd, 0, size));
}

TEST_F(PageCacheTest, OneMissingPieceIsFound) {
  evict(1 << 20, 1 << 20);
  if (in_page_cache(fd, 1 << 20, 4096)) GTEST_SKIP() << "this file system does not evict";
  EXPECT_FALSE(in_page_cache(fd, 0, size));
  EXPECT_TRUE(in_page_cache(fd, 0, 1 << 20));
  EXPECT_TRUE(in_page_cache(fd, 2 << 20, 1 << 20));
}

// The kernel reclaims single pages, such as those that it read ahead and nobody has used.
TEST_F(PageCacheTest, OneMissingPageIsFound) {
  constexpr long cachestat_number = 451;
  if (::syscall(cachestat_number, -1, nullptr, nullptr, 0) != 0 && errno == ENOSYS)
    GTEST_SKIP() << "Linux before 6.5";
  fill(4096);
  constexpr std::uint64_t hole = (1 << 20) + 40 * 1024;
  evict(hole, 4096);
  if (in_page_cache(fd, hole, 4096)) GTEST_SKIP() << "this file system does not evict";
  EXPECT_TRUE(read_into_page_cache(fd, 0, size, 0));
  EXPECT_TRUE(in_page_cache(fd, 0, size));
  evict(hole, 4096);
  EXPECT_TRUE(in_page_cache(fd, 0, hole));
  EXPECT_TRUE(in_page_cache(fd, hole + 4096, size - hole - 4096));
  evict(hole, 4096);  // the reads above may have made the kernel read ahead
  EXPECT_FALSE(in_page_cache(fd, 0, size));
}

TEST(PageCache, ADescriptorWithoutThatSupportCountsAsInThePageCache) {
  int ends[2];
  ASSERT_EQ(::pipe(static_cast<int*>(ends)), 0);
  EXPECT_TRUE(in_page_cache(ends[0], 0, 4096));
  ::close(ends[0]);
  ::close(ends[1]);
}

}  // namespace
}  // namespace entrepot::http
