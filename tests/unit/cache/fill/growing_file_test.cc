// SPDX-License-Identifier: Apache-2.0
// The file a fill writes, on a real directory.
#include "cache/fill/growing_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/unit/cache/growing_file_fixture.h"

namespace entrepot::cache {
namespace {

constexpr std::uint64_t no_limit = 1ULL << 40;
constexpr std::size_t run_bytes = 256 << 10;

class GrowingFileTest : public GrowingFileFixture {
 protected:
  std::shared_ptr<GrowingFile> file_of(FileWriter writer, std::uint64_t tail = 0) {
    return std::make_shared<GrowingFile>(GrowingFile::Parts{executor, executor, tail},
                                         std::move(writer),
                                         [this](std::optional<Digest> d) { proven.push_back(d); });
  }
  std::shared_ptr<GrowingFile> arriving(std::optional<std::uint64_t> size, std::uint64_t tail = 0) {
    return file_of(on_disk(size), tail);
  }

  std::vector<std::optional<Digest>> proven;
};

TEST_F(GrowingFileTest, WritesAlignedRunsAndTheRestAtTheEndOfTheTurn) {
  const auto whole = pattern(2 * run_bytes + 1000);
  const auto file = arriving(whole.size());
  constexpr std::size_t piece = 10'000;
  for (std::size_t at = 0; at < whole.size(); at += piece) {
    ASSERT_FALSE(
        file->take(at, bytes(whole).subspan(at, std::min(piece, whole.size() - at)), whole.size()));
    EXPECT_EQ(file->writer().extents().bytes(), file->arrived() / run_bytes * run_bytes);
  }
  EXPECT_EQ(file->progress()->readable(0, Progress::ReadPolicy::proven),
            0U);  // readers are told once, at the end of the turn
  executor.run();
  EXPECT_EQ(file->writer().extents().bytes(), whole.size());
  EXPECT_EQ(file->progress()->readable(0, Progress::ReadPolicy::proven), whole.size());
  ASSERT_FALSE(file->finish());
  executor.run();
  ASSERT_EQ(proven.size(), 1U);
  EXPECT_EQ(proven[0], sha256(whole));
}

TEST_F(GrowingFileTest, NotifiesReadersWithinATurnThatDeliversMuch) {
  const auto whole = pattern(5 * run_bytes + 1000);
  const auto file = arriving(whole.size());
  const auto readable = [&] { return file->progress()->readable(0, Progress::ReadPolicy::proven); };
  ASSERT_FALSE(file->take(0, bytes(whole).first(3 * run_bytes), whole.size()));
  EXPECT_EQ(readable(), 0U);
  ASSERT_FALSE(file->take(3 * run_bytes, bytes(whole).subspan(3 * run_bytes), whole.size()));
  EXPECT_EQ(readable(), 4 * run_bytes) << "1 MiB, in the same turn";
  executor.run();
  EXPECT_EQ(readable(), whole.size());
  ASSERT_FALSE(file->finish());
  executor.run();
  EXPECT_EQ(proven.at(0), sha256(whole));
}

TEST_F(GrowingFileTest, ReleasesTheTailAfterTheProof) {
  const auto whole = pattern(1000);
  const auto file = arriving(whole.size(), 100);
  ASSERT_FALSE(file->take(0, bytes(whole), whole.size()));
  ASSERT_FALSE(file->finish());
  executor.run();
  EXPECT_EQ(file->progress()->readable(0, Progress::ReadPolicy::proven), 900U);
  file->finish_readers(Progress::State::whole);
  EXPECT_EQ(file->progress()->readable(0, Progress::ReadPolicy::proven), 1000U);
}

TEST_F(GrowingFileTest, ComparesRepeatedBytesThatReadersMayHave) {
  const auto whole = pattern(3 * page);
  const auto file = arriving(whole.size());
  ASSERT_FALSE(file->take(0, bytes(whole).first(page + 600), whole.size()));
  executor.run();  // the first page is written and told
  ASSERT_FALSE(file->take(page + 100, bytes("??"), whole.size()))
      << "no reader has seen the first bytes";
  EXPECT_EQ(file->arrived(), page + 102);
  ASSERT_FALSE(file->take(200, bytes(whole).subspan(200), whole.size()));
  ASSERT_FALSE(file->finish());
  executor.run();
  EXPECT_EQ(proven.at(0), sha256(whole));
  const auto failure = file->take(200, bytes("?"), whole.size());
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->kind, FailureKind::bad_upstream);
}

TEST_F(GrowingFileTest, AvailableBytesAreNotOverwritten) {
  const auto whole = pattern(10 * page);
  const std::string other(page, '?');
  const auto file = arriving(whole.size());
  ASSERT_TRUE(file->put(4 * page, bytes(whole).subspan(4 * page, page)));
  ASSERT_TRUE(file->put(4 * page, bytes(other)));
  ASSERT_FALSE(file->take(0, bytes(whole).first(3 * page), whole.size()));
  executor.run();
  ASSERT_TRUE(file->put(2 * page, bytes(other)));
  // In order, over the range, with other bytes there: none of these is written.
  std::string rest = whole.substr(3 * page);
  rest[page] = '?';
  ASSERT_FALSE(file->take(3 * page, bytes(rest), whole.size()));
  ASSERT_FALSE(file->finish());
  EXPECT_EQ(file->writer().extents().bytes(), whole.size());
  executor.run();
  EXPECT_EQ(proven.at(0), sha256(whole)) << "the proof covers the bytes that were read";
}

TEST_F(GrowingFileTest, PassOverContinuesBehindRanges) {
  const auto whole = pattern(10 * page);
  const auto file = arriving(whole.size());
  ASSERT_TRUE(file->put(page, bytes(whole).subspan(page, 5 * page)));
  EXPECT_EQ(file->progress()->readable(page, Progress::ReadPolicy::proven), 6 * page);
  ASSERT_FALSE(file->take(0, bytes(whole).first(page), whole.size()));
  file->pass_over();
  EXPECT_EQ(file->arrived(), 6 * page);
  executor.run();
  EXPECT_EQ(file->progress()->readable(0, Progress::ReadPolicy::proven), 6 * page);
  ASSERT_FALSE(file->take(6 * page, bytes(whole).subspan(6 * page), whole.size()));
  ASSERT_FALSE(file->finish());
  executor.run();
  EXPECT_EQ(proven.at(0), sha256(whole));
}

TEST_F(GrowingFileTest, RefusesMoreBytesThanAnnounced) {
  const auto file = arriving(10);
  ASSERT_FALSE(file->take(0, bytes("0123456789"), 10));
  EXPECT_EQ(file->take(10, bytes("x"), 10)->kind, FailureKind::bad_upstream);
  // The same in one chunk with bytes that have arrived.
  EXPECT_EQ(file->take(9, bytes("9x"), 10)->kind, FailureKind::bad_upstream);
}

TEST_F(GrowingFileTest, ReportsAFailedWriteOfUnknownSizeAtTheNextChunk) {
  const auto file = file_of(on_full_disk({}));
  const std::string text(page, 'x');
  EXPECT_FALSE(file->take(0, bytes(text), no_limit));
  executor.run();
  EXPECT_EQ(file->take(text.size(), bytes("y"), no_limit)->kind, FailureKind::store);
  EXPECT_THAT(metrics.text(),
              testing::HasSubstr(R"(entrepot_disk_errors_total{operation="write"} 1)"));
}

TEST_F(GrowingFileTest, ReportsAFailedWriteOfUnknownSizeInFinish) {
  const auto file = file_of(on_full_disk({}));
  EXPECT_FALSE(file->take(0, bytes("x"), no_limit));
  EXPECT_EQ(file->finish()->kind, FailureKind::store);
}

TEST_F(GrowingFileTest, ContinuesInMemoryOnAFullDisk) {
  const auto whole = pattern(3 * run_bytes);
  const auto file = file_of(on_full_disk(whole.size()));
  const auto reader = file->readers().join();
  EXPECT_FALSE(file->writer().passing());
  ASSERT_FALSE(file->take(0, bytes(whole), whole.size()));
  ASSERT_FALSE(file->finish());
  executor.run();
  EXPECT_EQ(file->writer().bypass(), BypassReason::disk_full);
  EXPECT_TRUE(file->writer().file()->discardable());
  std::string read(whole.size(), '\0');
  ASSERT_EQ(::pread(file->writer().file()->fd(), read.data(), read.size(), 0),
            static_cast<ssize_t>(whole.size()));
  EXPECT_EQ(read, whole);
  ASSERT_EQ(proven.size(), 1U);
  EXPECT_EQ(proven[0], sha256(whole));
  EXPECT_EQ(storage.budget.reserved_files(), 0U);
}

TEST_F(GrowingFileTest, ContinuesInMemoryOnADiskThatFails) {
  const auto whole = pattern(3 * run_bytes + 10);
  const auto file = file_of(on_disk(whole.size()));
  const auto reader = file->readers().join();
  ASSERT_FALSE(file->take(0, bytes(whole).first(run_bytes + page), whole.size()));
  executor.run();
  EXPECT_EQ(file->window(), nullptr);
  break_disk(*file->writer().file());
  ASSERT_FALSE(file->take(run_bytes + page, bytes(whole).subspan(run_bytes + page), whole.size()));
  EXPECT_EQ(file->writer().bypass(), BypassReason::disk_error);
  EXPECT_TRUE(storage.health.distrusted());
  ASSERT_NE(file->window(), nullptr);
  EXPECT_TRUE(file->window()->begun_to_slide()) << "a new client cannot join";
  ASSERT_FALSE(file->finish());
  executor.run();
  EXPECT_EQ(read(*file->writer().file(), 0, whole.size()), whole) << "the reader needs all of it";
  EXPECT_EQ(proven, std::vector{std::optional(sha256(whole))});
}

TEST_F(GrowingFileTest, ContinuesInMemoryWhenTheCacheHasNoRoom) {
  const auto whole = pattern(17 << 20);  // more than one blob may have
  const auto file = file_of(
      *FileWriter::create(file_parts(whole.size()), storage.budget.reserve(run_bytes).reservation));
  const auto reader = file->readers().join();
  for (std::size_t at = 0; at < whole.size(); at += run_bytes) {
    ASSERT_FALSE(file->take(at, bytes(whole).subspan(at, run_bytes), whole.size()));
    reader->at(at);
    executor.run();
  }
  EXPECT_EQ(file->writer().bypass(), BypassReason::disk_full);
  EXPECT_FALSE(storage.health.distrusted());
  EXPECT_EQ(file->writer().extents().bytes(), 16U << 20);
  ASSERT_FALSE(file->finish());
  executor.run();
  EXPECT_EQ(proven, std::vector{std::optional(sha256(whole))});
}

TEST_F(GrowingFileTest, AFailedRangeLeavesTheFileOnTheDisk) {
  const auto whole = pattern(10 * page);
  const auto file = arriving(whole.size());
  ASSERT_FALSE(file->take(0, bytes(whole).first(page), whole.size()));
  executor.run();
  break_disk(*file->writer().file());
  EXPECT_FALSE(file->put(4 * page, bytes(whole).subspan(4 * page, page)));
  EXPECT_FALSE(file->writer().passing());
  EXPECT_FALSE(file->write_failed());
  EXPECT_TRUE(on_disk_exists());
  EXPECT_EQ(file->progress()->readable(4 * page, Progress::ReadPolicy::proven), 4 * page);
}

TEST_F(GrowingFileTest, ReportsAFailedWriteWithRangesFurtherOn) {
  const auto whole = pattern(10 * page);
  const auto file = arriving(whole.size());
  ASSERT_TRUE(file->put(4 * page, bytes(whole).subspan(4 * page, page)));
  EXPECT_TRUE(file->scattered());
  break_disk(*file->writer().file());
  ASSERT_FALSE(file->take(0, bytes(whole).first(page), whole.size()));
  executor.run();
  ASSERT_TRUE(file->write_failed());
  EXPECT_FALSE(file->writer().passing());
  EXPECT_EQ(file->take(page, bytes("y"), whole.size())->kind, FailureKind::store);
}

TEST_F(GrowingFileTest, TakesNoRangesWhenItPassesThrough) {
  const auto whole = pattern(10 * page);
  const auto file = file_of(in_memory(whole.size()));
  EXPECT_FALSE(file->put(4 * page, bytes(whole).subspan(4 * page, page)));
}

TEST_F(GrowingFileTest, ComparesRepeatedBytesThatAreNotDiscarded) {
  const auto whole = pattern(4 * page);
  const auto file = file_of(in_memory(whole.size()));
  const auto reader = file->readers().join();
  ASSERT_FALSE(file->take(0, bytes(whole).first(3 * page), whole.size()));
  executor.run();
  reader->at(2 * page);
  file->window()->slide();
  auto other = whole;
  other[page] ^= 1;
  EXPECT_FALSE(file->take(0, bytes(other).first(3 * page), whole.size()))
      << "the byte that differs is discarded";
  EXPECT_FALSE(file->take(0, bytes(other).first(page), whole.size()));
  other[2 * page] ^= 1;
  const auto failure = file->take(0, bytes(other).first(3 * page), whole.size());
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->kind, FailureKind::bad_upstream);
}

TEST_F(GrowingFileTest, ReleasesTheBytesOfAnEarlierFill) {
  const auto whole = pattern(10 * page);
  Extents extents;
  {
    auto earlier = on_disk(whole.size());
    ASSERT_EQ(earlier.write(0, bytes(whole).first(2 * page)), FileWriter::Result::written);
    ASSERT_EQ(earlier.write(4 * page, bytes(whole).subspan(4 * page, page)),
              FileWriter::Result::written);
    extents = earlier.extents();
  }
  const auto file = file_of(*FileWriter::resume(file_parts(whole.size()), extents, nullptr));
  EXPECT_EQ(file->progress()->readable(4 * page, Progress::ReadPolicy::proven), 5 * page);
  EXPECT_EQ(file->arrived(), 0U);
  file->pass_over();
  EXPECT_EQ(file->arrived(), 2 * page);
}

TEST_F(GrowingFileTest, PassingThroughKeepsAWindowBehindTheSlowestReader) {
  constexpr auto window = PassThroughWindow::max_bytes;
  const auto whole = pattern(4 * window);
  const auto file = file_of(in_memory(whole.size()));
  const auto fast = file->readers().join();
  auto slow = file->readers().join();
  std::uint64_t sent = 0;
  const auto send = [&] {
    while (!file->window()->full() && sent < whole.size()) {
      ASSERT_FALSE(file->take(sent, bytes(whole).subspan(sent, run_bytes), whole.size()));
      sent += run_bytes;
      executor.run();
    }
  };
  send();
  EXPECT_EQ(sent, window);
  {
    const auto ahead = file->readers().join();
    slow->at(window - run_bytes);
    fast->at(window - run_bytes);
    ahead->at(3 * window);
    EXPECT_FALSE(file->window()->uneven()) << "a reader that waits for later bytes is not ahead";
    EXPECT_EQ(file->window()->cut_slow(), 0U);
  }
  fast->at(window);
  slow->at(0);
  EXPECT_TRUE(file->window()->uneven());
  file->window()->slide();
  EXPECT_TRUE(file->window()->full()) << "the slow one has read nothing";
  EXPECT_FALSE(file->window()->begun_to_slide());
  slow->at(window / 2 + 10);
  file->window()->slide();
  EXPECT_FALSE(file->window()->full());
  EXPECT_TRUE(file->window()->begun_to_slide());
  send();
  EXPECT_EQ(sent, window + window / 2 + run_bytes);
  std::string read(window, '\0');  // what the slow one needs next is still there
  ASSERT_EQ(::pread(file->writer().file()->fd(), read.data(), read.size(), window / 2 + 10),
            static_cast<ssize_t>(window));
  EXPECT_EQ(read, whole.substr(window / 2 + 10, window));
  struct stat status {};
  ASSERT_EQ(::fstat(file->writer().file()->fd(), &status), 0);
  EXPECT_LE(static_cast<std::uint64_t>(status.st_blocks) * 512, window + run_bytes + 4096);
  slow.reset();
  file->window()->slide();
  EXPECT_FALSE(file->window()->full()) << "a reader that has left holds up no other";
}

TEST_F(GrowingFileTest, PassingThroughIsDesertedWhenTheLastReaderLeaves) {
  const auto file = file_of(in_memory(1000));
  auto reader = file->readers().join();
  EXPECT_FALSE(file->window()->deserted());
  reader.reset();
  EXPECT_TRUE(file->window()->deserted());
  EXPECT_EQ(arriving(1000)->window(), nullptr) << "the cache wants a file that it stores";
}

TEST_F(GrowingFileTest, AbandonCutsReadersAndProvesNothing) {
  const auto file = arriving(3);
  ASSERT_FALSE(file->take(0, bytes("abc"), 3));
  ASSERT_FALSE(file->finish());
  file->abandon();
  executor.run();
  EXPECT_EQ(file->progress()->state(), Progress::State::failed);
  EXPECT_TRUE(proven.empty());
}

TEST_F(GrowingFileTest, DestructionBeforeTheEndOfTheTurnReleasesNothing) {
  auto file = arriving(3);
  ASSERT_FALSE(file->take(0, bytes("abc"), 3));
  const auto progress = file->progress();
  file.reset();
  executor.run();
  EXPECT_EQ(progress->readable(0, Progress::ReadPolicy::proven), 0U);
}

}  // namespace
}  // namespace entrepot::cache
