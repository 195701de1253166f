// SPDX-License-Identifier: Apache-2.0
#include "cache/fill/file_writer.h"

#include "tests/unit/cache/growing_file_fixture.h"
#include "tests/unit/cache/sizes.h"

namespace entrepot::cache {
namespace {

class FileWriterTest : public GrowingFileFixture {
 protected:
  using Result = FileWriter::Result;

  const std::string whole = pattern(10 * page);
};

TEST_F(FileWriterTest, WritesTheMissingBytesOnly) {
  auto writer = on_disk(whole.size());
  ASSERT_EQ(writer.write(4 * page, bytes(whole).subspan(4 * page, page)), Result::written);
  auto rest = whole;
  rest[4 * page] = '?';
  ASSERT_EQ(writer.write(2 * page, bytes(rest).subspan(2 * page, 5 * page)), Result::written);
  EXPECT_EQ(writer.extents().spans(),
            (std::map<std::uint64_t, std::uint64_t>{{2 * page, 7 * page}}));
  EXPECT_EQ(read(*writer.file(), 2 * page, 5 * page), whole.substr(2 * page, 5 * page))
      << "the bytes that were there stay";
}

TEST_F(FileWriterTest, ContinuesTheFileOfAnEarlierFill) {
  Extents extents;
  {
    auto earlier = on_disk(whole.size());
    ASSERT_EQ(earlier.write(page, bytes(whole).subspan(page, page)), Result::written);
    extents = earlier.extents();
  }
  EXPECT_FALSE(FileWriter::resume(file_parts(page), extents, nullptr)) << "another size";
  const auto writer = FileWriter::resume(file_parts(whole.size()), extents, nullptr);
  ASSERT_TRUE(writer);
  EXPECT_EQ(writer->extents().spans(), extents.spans());
  EXPECT_TRUE(writer->holds(page, bytes(whole).subspan(page, page)));
}

TEST_F(FileWriterTest, ComparesBytesThatComeASecondTime) {
  auto writer = on_disk(whole.size());
  ASSERT_EQ(writer.write(0, bytes(whole).first(6 * page)), Result::written);
  auto other = whole;
  other[5 * page] ^= 1;  // behind the first piece that is read back
  EXPECT_TRUE(writer.holds(100, bytes(whole).subspan(100, 5 * page)));
  EXPECT_FALSE(writer.holds(0, bytes(other).first(6 * page)));
  EXPECT_FALSE(writer.differs(0, bytes(whole).first(6 * page)));
  EXPECT_TRUE(writer.differs(0, bytes(other).first(6 * page)));
  EXPECT_FALSE(writer.differs(page, bytes(other).subspan(page, 6 * page)))
      << "one of the bytes is not there yet";
}

TEST_F(FileWriterTest, ReportsAFullDiskWhenTheCacheHasNoRoom) {
  auto writer = on_disk(whole.size());
  const auto more = pattern(17 * mib);  // than one blob may have
  EXPECT_EQ(writer.write(0, bytes(more)), Result::disk_full);
  EXPECT_EQ(writer.extents().bytes(), 0U);
  EXPECT_FALSE(storage.health.distrusted());
}

TEST_F(FileWriterTest, EvictsBlobsWhenTheDiskIsFull) {
  const auto blob = store_blob(pattern(10'000));
  auto writer = on_full_disk(whole.size());
  EXPECT_EQ(writer.write(0, bytes(whole)), Result::disk_full);
  EXPECT_FALSE(blob_file_exists(blob));
  EXPECT_FALSE(storage.health.distrusted());
}

TEST_F(FileWriterTest, DistrustsADiskThatFails) {
  const auto blob = store_blob(pattern(10'000));
  auto writer = on_disk(whole.size());
  break_disk(*writer.file());
  EXPECT_EQ(writer.write(0, bytes(whole)), Result::disk_error);
  EXPECT_TRUE(storage.health.distrusted());
  EXPECT_TRUE(blob_file_exists(blob)) << "evictions would not help";
  EXPECT_EQ(writer.extents().bytes(), 0U);
  EXPECT_FALSE(writer.passing());
}

TEST_F(FileWriterTest, MovesTheNeededBytesToMemory) {
  auto writer = on_disk(whole.size());
  ASSERT_EQ(writer.write(0, bytes(whole).first(3 * page)), Result::written);
  break_disk(*writer.file());
  const auto file = writer.file();
  const int fd = file->fd();
  ASSERT_TRUE(writer.move_to_memory({page, 3 * page}, Result::disk_error));
  EXPECT_TRUE(writer.passing());
  EXPECT_EQ(writer.bypass(), BypassReason::disk_error);
  EXPECT_EQ(writer.file(), file);
  EXPECT_EQ(file->fd(), fd) << "readers keep their descriptor";
  EXPECT_TRUE(file->discardable());
  EXPECT_FALSE(on_disk_exists());
  EXPECT_EQ(storage.budget.reserved_files(), 0U);
  ASSERT_EQ(writer.write(3 * page, bytes(whole).subspan(3 * page)), Result::written);
  EXPECT_EQ(read(*file, page, 9 * page), whole.substr(page));
  EXPECT_EQ(read(*file, 0, page), std::string(page, '\0')) << "no reader needs these";
}

TEST_F(FileWriterTest, NamesAFullDiskAsTheReasonToPassThrough) {
  auto writer = on_full_disk(whole.size());
  ASSERT_TRUE(writer.move_to_memory({0, 0}, writer.write(0, bytes(whole))));
  EXPECT_EQ(writer.bypass(), BypassReason::disk_full);
}

TEST_F(FileWriterTest, StaysOnTheDiskWithRangesFurtherOn) {
  auto writer = on_disk(whole.size());
  ASSERT_EQ(writer.write(0, bytes(whole).first(page)), Result::written);
  ASSERT_EQ(writer.write(5 * page, bytes(whole).subspan(5 * page, page)), Result::written);
  EXPECT_FALSE(writer.move_to_memory({0, page}, Result::disk_full));
  EXPECT_FALSE(writer.passing());
  EXPECT_FALSE(writer.file()->discardable());
  EXPECT_TRUE(on_disk_exists());
  EXPECT_EQ(storage.budget.reserved_files(), 1U);
}

TEST_F(FileWriterTest, StaysOnTheDiskIfManyBytesAreNeeded) {
  constexpr auto most = 16 * mib;
  auto writer = on_disk(most);
  ASSERT_EQ(::ftruncate(writer.file()->fd(), most + page), 0);
  EXPECT_FALSE(writer.move_to_memory({0, most + page}, Result::disk_full));
  EXPECT_FALSE(writer.passing());
  EXPECT_TRUE(writer.move_to_memory({page, most + page}, Result::disk_full));
}

TEST_F(FileWriterTest, StaysOnTheDiskWithoutAKnownSize) {
  auto writer = on_disk({});
  EXPECT_FALSE(writer.move_to_memory({0, 0}, Result::disk_full));
  EXPECT_FALSE(writer.passing());
}

TEST_F(FileWriterTest, KeepsNoExtentsInMemory) {
  auto writer = in_memory(whole.size());
  EXPECT_EQ(writer.bypass(), BypassReason::disk_full);
  EXPECT_TRUE(writer.file()->discardable());
  ASSERT_EQ(writer.write(0, bytes(whole)), Result::written);
  EXPECT_TRUE(writer.holds(0, bytes(whole)));
  EXPECT_EQ(writer.extents().bytes(), 0U);
  EXPECT_FALSE(on_disk_exists());
}

TEST_F(FileWriterTest, TrustsTheDiskAfterAFailureInMemory) {
  auto writer = in_memory(whole.size());
  break_disk(*writer.file());
  EXPECT_EQ(writer.write(0, bytes(whole)), Result::disk_error);
  EXPECT_FALSE(storage.health.distrusted());
  EXPECT_FALSE(writer.move_to_memory({0, 0}, Result::disk_error)) << "it is there already";
}

}  // namespace
}  // namespace entrepot::cache
