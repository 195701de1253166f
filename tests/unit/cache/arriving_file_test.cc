// SPDX-License-Identifier: Apache-2.0
// The file a fill writes, on a real directory.
#include "cache/arriving_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/unit/cache/cache_fixture.h"

namespace entrepot::cache {
namespace {

constexpr std::uint64_t no_limit = 1ULL << 40;
constexpr std::size_t run = 256 << 10;

class ArrivingFileTest : public testing::Test {
 protected:
  std::shared_ptr<ArrivingFile> arriving(std::optional<std::uint64_t> size,
                                         std::uint64_t tail = 0) {
    return ArrivingFile::create(files, digest, size, tail, executor, executor,
                                [this](std::optional<Digest> d) { proven.push_back(d); });
  }
  /// An arriving file every write to which fails as on a full disk.
  std::shared_ptr<ArrivingFile> arriving_on_full_disk() {
    auto file = std::make_shared<const BlobFile>(::open("/dev/full", O_RDWR | O_CLOEXEC));
    return std::make_shared<ArrivingFile>(files, digest, file, no_limit, 0, executor, executor,
                                          [](auto) {});
  }
  static std::span<const std::byte> bytes(std::string_view text) {
    return std::as_bytes(std::span(text));
  }
  static std::uint64_t size_of(const ArrivingFile& file) {
    struct stat status {};
    EXPECT_EQ(::fstat(file.file()->fd(), &status), 0);
    return static_cast<std::uint64_t>(status.st_size);
  }

  ScratchFolder folder;
  metrics::Metrics metrics{{}};
  fakes::FakeClock clock;
  fakes::TimedExecutor executor{clock};
  BlobFiles files{Layout(folder.path() / "cache"), metrics};
  const Digest digest = sha256("any");
  std::vector<std::optional<Digest>> proven;
};

TEST_F(ArrivingFileTest, SmallPiecesAreWrittenInAlignedRunsAndTheRestWhenTheTurnEnds) {
  const auto whole = pattern(2 * run + 1000);
  const auto file = arriving(whole.size());
  constexpr std::size_t piece = 10'000;
  for (std::size_t at = 0; at < whole.size(); at += piece) {
    ASSERT_FALSE(
        file->take(at, bytes(whole).subspan(at, std::min(piece, whole.size() - at)), whole.size()));
    EXPECT_EQ(size_of(*file), file->arrived() / run * run);
  }
  EXPECT_EQ(file->progress()->released(), 0U);  // readers are told once, at the end of the turn
  executor.run();
  EXPECT_EQ(size_of(*file), whole.size());
  EXPECT_EQ(file->progress()->released(), whole.size());
  ASSERT_FALSE(file->finish());
  executor.run();
  ASSERT_EQ(proven.size(), 1U);
  EXPECT_EQ(proven[0], sha256(whole));
}

TEST_F(ArrivingFileTest, ReadersGetTheTailWithTheVerdictOnly) {
  const auto whole = pattern(1000);
  const auto file = arriving(whole.size(), 100);
  ASSERT_FALSE(file->take(0, bytes(whole), whole.size()));
  ASSERT_FALSE(file->finish());
  executor.run();
  EXPECT_EQ(file->progress()->released(), 900U);
  file->finish_readers(Progress::State::whole);
  EXPECT_EQ(file->progress()->released(), 1000U);
}

TEST_F(ArrivingFileTest, ResumeThatRepeatsBytesNotYetWrittenIsCompared) {
  const auto whole = pattern(1000);
  const auto file = arriving(whole.size());
  ASSERT_FALSE(file->take(0, bytes(whole).first(600), whole.size()));
  ASSERT_FALSE(file->take(200, bytes(whole).subspan(200, 700), whole.size()));
  EXPECT_EQ(file->arrived(), 900U);
  const auto failure = file->take(899, bytes("??"), whole.size());
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->kind, FailureKind::bad_upstream);
}

TEST_F(ArrivingFileTest, MoreThanAnnouncedIsRefused) {
  const auto file = arriving(10);
  ASSERT_FALSE(file->take(0, bytes("0123456789"), 10));
  EXPECT_EQ(file->take(10, bytes("x"), 10)->kind, FailureKind::bad_upstream);
  // The same in one piece with bytes known already.
  EXPECT_EQ(file->take(9, bytes("9x"), 10)->kind, FailureKind::bad_upstream);
}

TEST_F(ArrivingFileTest, FailedWriteAtTheEndOfATurnIsToldAtTheNextPiece) {
  const auto file = arriving_on_full_disk();
  EXPECT_FALSE(file->take(0, bytes("x"), no_limit));
  executor.run();
  EXPECT_EQ(file->take(1, bytes("y"), no_limit)->kind, FailureKind::store);
  EXPECT_THAT(metrics.text(),
              testing::HasSubstr(R"(entrepot_disk_errors_total{operation="write"} 1)"));
}

TEST_F(ArrivingFileTest, FailedWriteIsToldAtTheEndAtTheLatest) {
  const auto file = arriving_on_full_disk();
  EXPECT_FALSE(file->take(0, bytes("x"), no_limit));
  EXPECT_EQ(file->finish()->kind, FailureKind::store);
  EXPECT_EQ(file->progress()->released(), 0U);
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
  EXPECT_EQ(progress->released(), 0U);
}

}  // namespace
}  // namespace entrepot::cache
