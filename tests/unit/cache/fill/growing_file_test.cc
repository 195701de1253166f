// SPDX-License-Identifier: Apache-2.0
// The file a fill writes, on a real directory.
#include "cache/fill/growing_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "cache/space/storage.h"
#include "tests/unit/cache/cache_fixture.h"

namespace entrepot::cache {
namespace {

constexpr std::uint64_t no_limit = 1ULL << 40;
constexpr std::size_t run_bytes = 256 << 10;

class ArrivingFileTest : public testing::Test {
 protected:
  std::shared_ptr<GrowingFile> arriving(std::optional<std::uint64_t> size, std::uint64_t tail = 0) {
    auto [room, refused] = storage.budget.reserve(size.value_or(run_bytes));
    return GrowingFile::create(parts(size, tail), std::move(room),
                               [this](std::optional<Digest> d) { proven.push_back(d); });
  }
  /// One that passes through memory.
  std::shared_ptr<GrowingFile> passing(std::uint64_t size, std::uint64_t tail = 0) {
    auto file = GrowingFile::create_passing(
        parts(size, tail), [this](std::optional<Digest> d) { proven.push_back(d); });
    file->set_bypass(metrics::BypassReason::disk_full);
    return file;
  }
  /// An arriving file every write to which fails as on a full disk.
  std::shared_ptr<GrowingFile> arriving_on_full_disk(std::optional<std::uint64_t> size) {
    auto file = std::make_shared<const BlobFile>(::open("/dev/full", O_RDWR | O_CLOEXEC));
    auto [room, refused] = storage.budget.reserve(size.value_or(run_bytes));
    return std::make_shared<GrowingFile>(parts(size, 0), file, std::move(room),
                                         [this](std::optional<Digest> d) { proven.push_back(d); });
  }
  GrowingFile::Parts parts(std::optional<std::uint64_t> size, std::uint64_t tail) {
    return {storage.files, storage.budget, storage.health, executor, executor, digest, size, tail};
  }
  Options options() const {
    Options options;
    options.directory = folder.path() / "cache";
    return options;
  }
  static std::span<const std::byte> bytes(std::string_view text) {
    return std::as_bytes(std::span(text));
  }
  static std::uint64_t size_of(const GrowingFile& file) {
    struct stat status {};
    EXPECT_EQ(::fstat(file.file()->fd(), &status), 0);
    return static_cast<std::uint64_t>(status.st_size);
  }

  ScratchFolder folder;
  metrics::Metrics metrics{{}};
  fakes::FakeClock clock;
  fakes::TimedExecutor executor{clock};
  Storage storage{options(), clock, metrics, executor};
  const Digest digest = sha256("any");
  std::vector<std::optional<Digest>> proven;
};

TEST_F(ArrivingFileTest, SmallPiecesAreWrittenInAlignedRunsAndTheRestWhenTheTurnEnds) {
  const auto whole = pattern(2 * run_bytes + 1000);
  const auto file = arriving(whole.size());
  constexpr std::size_t piece = 10'000;
  for (std::size_t at = 0; at < whole.size(); at += piece) {
    ASSERT_FALSE(
        file->take(at, bytes(whole).subspan(at, std::min(piece, whole.size() - at)), whole.size()));
    EXPECT_EQ(file->extents().bytes(), file->arrived() / run_bytes * run_bytes);
  }
  EXPECT_EQ(file->progress()->readable(0, Progress::ReadPolicy::proven),
            0U);  // readers are told once, at the end of the turn
  executor.run();
  EXPECT_EQ(file->extents().bytes(), whole.size());
  EXPECT_EQ(file->progress()->readable(0, Progress::ReadPolicy::proven), whole.size());
  ASSERT_FALSE(file->finish());
  executor.run();
  ASSERT_EQ(proven.size(), 1U);
  EXPECT_EQ(proven[0], sha256(whole));
}

TEST_F(ArrivingFileTest, TurnThatBringsMuchTellsReadersInItsMiddle) {
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

TEST_F(ArrivingFileTest, ReadersGetTheTailWithTheVerdictOnly) {
  const auto whole = pattern(1000);
  const auto file = arriving(whole.size(), 100);
  ASSERT_FALSE(file->take(0, bytes(whole), whole.size()));
  ASSERT_FALSE(file->finish());
  executor.run();
  EXPECT_EQ(file->progress()->readable(0, Progress::ReadPolicy::proven), 900U);
  file->finish_readers(Progress::State::whole);
  EXPECT_EQ(file->progress()->readable(0, Progress::ReadPolicy::proven), 1000U);
}

TEST_F(ArrivingFileTest, ARepeatedByteIsComparedWithTheOneThatReadersMayHave) {
  constexpr auto page = GrowingFile::page;
  const auto whole = pattern(3 * page);
  const auto file = arriving(whole.size());
  ASSERT_FALSE(file->take(0, bytes(whole).first(page + 600), whole.size()));
  executor.run();  // the first page is written and told
  ASSERT_FALSE(file->take(page + 100, bytes("??"), whole.size())) << "nobody has seen the first";
  EXPECT_EQ(file->arrived(), page + 102);
  ASSERT_FALSE(file->take(200, bytes(whole).subspan(200), whole.size()));
  ASSERT_FALSE(file->finish());
  executor.run();
  EXPECT_EQ(proven.at(0), sha256(whole));
  const auto failure = file->take(200, bytes("?"), whole.size());
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->kind, FailureKind::bad_upstream);
}

TEST_F(ArrivingFileTest, AvailableBytesAreNotOverwritten) {
  constexpr auto page = GrowingFile::page;
  const auto whole = pattern(10 * page);
  const std::string other(page, '?');
  const auto file = arriving(whole.size());
  ASSERT_TRUE(file->put(4 * page, bytes(whole).subspan(4 * page, page)));
  ASSERT_TRUE(file->put(4 * page, bytes(other)));
  ASSERT_FALSE(file->take(0, bytes(whole).first(3 * page), whole.size()));
  executor.run();
  ASSERT_TRUE(file->put(2 * page, bytes(other)));
  // In order, over the piece: with other bytes there, of which nothing is written.
  std::string rest = whole.substr(3 * page);
  rest[page] = '?';
  ASSERT_FALSE(file->take(3 * page, bytes(rest), whole.size()));
  ASSERT_FALSE(file->finish());
  EXPECT_EQ(file->extents().bytes(), whole.size());
  executor.run();
  EXPECT_EQ(proven.at(0), sha256(whole)) << "what was read is what is proven";
}

TEST_F(ArrivingFileTest, PiecesArePassedOver) {
  constexpr auto page = GrowingFile::page;
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

TEST_F(ArrivingFileTest, MoreThanAnnouncedIsRefused) {
  const auto file = arriving(10);
  ASSERT_FALSE(file->take(0, bytes("0123456789"), 10));
  EXPECT_EQ(file->take(10, bytes("x"), 10)->kind, FailureKind::bad_upstream);
  // The same in one piece with bytes known already.
  EXPECT_EQ(file->take(9, bytes("9x"), 10)->kind, FailureKind::bad_upstream);
}

TEST_F(ArrivingFileTest, FailedWriteOfUnknownSizeIsToldAtTheNextPiece) {
  const auto file = arriving_on_full_disk({});
  const std::string page(GrowingFile::page, 'x');
  EXPECT_FALSE(file->take(0, bytes(page), no_limit));
  executor.run();
  EXPECT_EQ(file->take(page.size(), bytes("y"), no_limit)->kind, FailureKind::store);
  EXPECT_THAT(metrics.text(),
              testing::HasSubstr(R"(entrepot_disk_errors_total{operation="write"} 1)"));
}

TEST_F(ArrivingFileTest, FailedWriteOfUnknownSizeIsToldAtTheEndAtTheLatest) {
  const auto file = arriving_on_full_disk({});
  EXPECT_FALSE(file->take(0, bytes("x"), no_limit));
  EXPECT_EQ(file->finish()->kind, FailureKind::store);
}

TEST_F(ArrivingFileTest, OnAFullDiskItGoesOnInMemoryUnderTheSameFile) {
  const auto whole = pattern(3 * run_bytes);
  const auto file = arriving_on_full_disk(whole.size());
  const auto reader = file->readers().join();
  EXPECT_FALSE(file->passing());
  ASSERT_FALSE(file->take(0, bytes(whole), whole.size()));
  ASSERT_FALSE(file->finish());
  executor.run();
  EXPECT_EQ(file->bypass(), metrics::BypassReason::disk_full);
  EXPECT_TRUE(file->file()->discardable());
  std::string read(whole.size(), '\0');
  ASSERT_EQ(::pread(file->file()->fd(), read.data(), read.size(), 0),
            static_cast<ssize_t>(whole.size()));
  EXPECT_EQ(read, whole);
  ASSERT_EQ(proven.size(), 1U);
  EXPECT_EQ(proven[0], sha256(whole));
  EXPECT_EQ(storage.budget.reserved_files(), 0U);
}

TEST_F(ArrivingFileTest, PassingItHoldsAWindowBehindTheSlowestReader) {
  constexpr auto window = GrowingFile::window;
  const auto whole = pattern(4 * window);
  const auto file = passing(whole.size());
  const auto fast = file->readers().join();
  auto slow = file->readers().join();
  std::uint64_t sent = 0;
  const auto send = [&] {
    while (!file->full() && sent < whole.size()) {
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
    EXPECT_FALSE(file->uneven()) << "who waits for what comes later is not ahead";
    EXPECT_EQ(file->cut_slow(), 0U);
  }
  fast->at(window);
  slow->at(0);
  EXPECT_TRUE(file->uneven());
  file->slide();
  EXPECT_TRUE(file->full()) << "the slow one has read nothing";
  EXPECT_FALSE(file->begun_to_slide());
  slow->at(window / 2 + 10);
  file->slide();
  EXPECT_FALSE(file->full());
  EXPECT_TRUE(file->begun_to_slide());
  send();
  EXPECT_EQ(sent, window + window / 2 + run_bytes);
  std::string read(window, '\0');  // what the slow one needs next is still there
  ASSERT_EQ(::pread(file->file()->fd(), read.data(), read.size(), window / 2 + 10),
            static_cast<ssize_t>(window));
  EXPECT_EQ(read, whole.substr(window / 2 + 10, window));
  struct stat status {};
  ASSERT_EQ(::fstat(file->file()->fd(), &status), 0);
  EXPECT_LE(static_cast<std::uint64_t>(status.st_blocks) * 512, window + run_bytes + 4096);
  slow.reset();
  file->slide();
  EXPECT_FALSE(file->full()) << "who left holds up nobody";
}

TEST_F(ArrivingFileTest, PassingItIsDesertedWhenTheLastReaderLeaves) {
  const auto file = passing(1000);
  auto reader = file->readers().join();
  EXPECT_FALSE(file->deserted());
  reader.reset();
  EXPECT_TRUE(file->deserted());
  EXPECT_FALSE(arriving(1000)->deserted()) << "what is kept is wanted by the cache";
}

TEST_F(ArrivingFileTest, AbandonedItCutsReadersAndProvesNothing) {
  const auto file = arriving(3);
  ASSERT_FALSE(file->take(0, bytes("abc"), 3));
  ASSERT_FALSE(file->finish());
  file->abandon();
  executor.run();
  EXPECT_EQ(file->progress()->state(), Progress::State::failed);
  EXPECT_TRUE(proven.empty());
}

TEST_F(ArrivingFileTest, GoneBeforeItsTurnEndsItIsNotTouched) {
  auto file = arriving(3);
  ASSERT_FALSE(file->take(0, bytes("abc"), 3));
  const auto progress = file->progress();
  file.reset();
  executor.run();
  EXPECT_EQ(progress->readable(0, Progress::ReadPolicy::proven), 0U);
}

}  // namespace
}  // namespace entrepot::cache
