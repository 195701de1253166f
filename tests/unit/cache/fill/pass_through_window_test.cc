// SPDX-License-Identifier: Apache-2.0
#include "cache/fill/pass_through_window.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <memory>
#include <optional>

#include "cache/index/stored_size.h"
#include "tests/unit/cache/cache_fixture.h"

namespace entrepot::cache {
namespace {

class PassThroughWindowTest : public testing::Test {
 protected:
  static constexpr auto page = page_size;
  static constexpr auto most = PassThroughWindow::max_bytes;

  ~PassThroughWindowTest() override { hasher->cancel(); }

  /// The file grows to `until`. The hasher follows when the executor runs.
  void write(std::uint64_t until) {
    const std::string more(until - arrived.written, 'x');
    EXPECT_EQ(::pwrite(file->fd(), more.data(), more.size(), static_cast<off_t>(arrived.written)),
              static_cast<ssize_t>(more.size()));
    arrived.written = until;
    hasher->advance(until);
  }
  void write_and_hash(std::uint64_t until) {
    write(until);
    executor.run();
  }
  std::shared_ptr<ReadPositions::Reader> reader(std::uint64_t at) {
    auto reader = readers->join();
    reader->at(at);
    return reader;
  }
  std::uint64_t bytes_in_memory() const {
    struct stat status {};
    EXPECT_EQ(::fstat(file->fd(), &status), 0);
    return static_cast<std::uint64_t>(status.st_blocks) * 512;
  }

  fakes::FakeClock clock;
  fakes::TimedExecutor executor{clock};
  const std::shared_ptr<const BlobFile> file =
      std::make_shared<const BlobFile>(::memfd_create("test", MFD_CLOEXEC));
  const std::shared_ptr<FileHasher> hasher = std::make_shared<FileHasher>(
      file, Algorithm::sha256, executor, executor, [](std::optional<Digest>) {});
  const std::shared_ptr<ReadPositions> readers = std::make_shared<ReadPositions>();
  ArrivedBytes arrived;
  PassThroughWindow window{*file, arrived, *readers, *hasher};
};

TEST_F(PassThroughWindowTest, IsFullBehindTheSlowestReader) {
  const auto fast = reader(most);
  auto slow = reader(0);
  write_and_hash(most - page);
  EXPECT_FALSE(window.full());
  write_and_hash(most);
  EXPECT_TRUE(window.full());
  slow->at(1);
  EXPECT_FALSE(window.full());
  slow->at(0);
  slow.reset();
  EXPECT_FALSE(window.full()) << "a reader that has left holds up nobody";
}

TEST_F(PassThroughWindowTest, CountsGatheredBytes) {
  const auto slow = reader(0);
  write_and_hash(most - page);
  arrived.gathered = page;
  EXPECT_TRUE(window.full());
}

TEST_F(PassThroughWindowTest, WaitsForTheHasher) {
  const auto fast = reader(most);
  write(most);
  EXPECT_TRUE(window.full());
  window.slide();
  EXPECT_FALSE(window.begun_to_slide());
  executor.run();
  EXPECT_FALSE(window.full());
  window.slide();
  EXPECT_EQ(window.begin(), most);
}

TEST_F(PassThroughWindowTest, SlidesToThePageOfTheSlowestReader) {
  const auto fast = reader(10 * page);
  const auto slow = reader(3 * page + 5);
  write_and_hash(10 * page);
  EXPECT_EQ(bytes_in_memory(), 10 * page);
  EXPECT_EQ(window.needed(), (Span{3 * page, 10 * page}));
  window.slide();
  EXPECT_TRUE(window.begun_to_slide());
  EXPECT_EQ(window.begin(), 3 * page);
  EXPECT_EQ(bytes_in_memory(), 7 * page);
  slow->at(8 * page);
  window.slide();
  EXPECT_EQ(window.begin(), 8 * page);
  EXPECT_EQ(bytes_in_memory(), 2 * page);
}

TEST_F(PassThroughWindowTest, KeepsBytesThatAReaderAheadWaitsFor) {
  const auto ahead = reader(20 * page);
  write_and_hash(10 * page + 5);
  window.slide();
  EXPECT_EQ(window.begin(), 10 * page);
}

TEST_F(PassThroughWindowTest, ShouldSlideAfterAWholeWindow) {
  const auto only = reader(most);
  write_and_hash(most - page);
  EXPECT_FALSE(window.should_slide());
  write_and_hash(most);
  EXPECT_TRUE(window.should_slide());
  window.slide();
  EXPECT_FALSE(window.should_slide());
}

TEST_F(PassThroughWindowTest, KeepsTheBytesThatMovedToMemory) {
  const auto only = reader(0);
  write_and_hash(3 * page + 5);
  window.begin_behind_written();
  EXPECT_TRUE(window.begun_to_slide()) << "a new reader cannot join";
  only->at(10 * page);
  write_and_hash(10 * page);
  window.slide();
  EXPECT_EQ(window.begin(), 10 * page);
  EXPECT_EQ(bytes_in_memory(), 4 * page);
}

TEST_F(PassThroughWindowTest, IsUnevenWithAReaderHalfAWindowBehind) {
  write_and_hash(most);
  const auto fast = reader(most / 2 + page);
  const auto slow = reader(page + 1);
  EXPECT_FALSE(window.uneven());
  slow->at(page);
  EXPECT_TRUE(window.uneven());
}

TEST_F(PassThroughWindowTest, IsEvenWithAReaderThatWaitsForLaterBytes) {
  write_and_hash(most / 2 + page);
  const auto ahead = reader(10 * most);
  const auto slow = reader(page + 1);
  EXPECT_FALSE(window.uneven());
  EXPECT_EQ(window.cut_slow(), 0U);
}

TEST_F(PassThroughWindowTest, CutsReadersThatStayFarBehind) {
  write_and_hash(3 * most);
  const auto fast = reader(0), moving = reader(0), still = reader(0), near = reader(0);
  near->at(3 * most - most / 2);
  window.mark_readers();
  fast->at(3 * most);
  moving->at(most + 1);
  still->at(most);
  EXPECT_EQ(window.cut_slow(), 1U);
  EXPECT_TRUE(still->cut());
  EXPECT_FALSE(moving->cut()) << "it has advanced by more than a window";
  EXPECT_FALSE(near->cut() || fast->cut());
}

TEST_F(PassThroughWindowTest, CutsNoReaderNearTheBeginning) {
  write_and_hash(most / 2 - page);
  const auto fast = reader(most / 2 - page), slow = reader(0);
  window.mark_readers();
  EXPECT_EQ(window.cut_slow(), 0U);
}

TEST_F(PassThroughWindowTest, CutsIdleReadersAtAnyPosition) {
  write_and_hash(3 * most);
  const auto first = reader(3 * most), moving = reader(0);
  window.mark_readers();
  moving->at(most + 1);
  EXPECT_EQ(window.cut_idle(), 1U);
  EXPECT_TRUE(first->cut());
  EXPECT_FALSE(moving->cut());
}

TEST_F(PassThroughWindowTest, IsDesertedWithoutReaders) {
  EXPECT_TRUE(window.deserted());
  auto only = reader(0);
  EXPECT_FALSE(window.deserted());
  only.reset();
  EXPECT_TRUE(window.deserted());
}

}  // namespace
}  // namespace entrepot::cache
