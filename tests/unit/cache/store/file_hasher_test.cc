// SPDX-License-Identifier: Apache-2.0
#include "cache/store/file_hasher.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/fakes/fake_clock.h"
#include "tests/fakes/timed_executor.h"

namespace entrepot::cache {
namespace {

class FileHasherTest : public testing::Test {
 protected:
  std::shared_ptr<FileHasher> hasher_of(std::shared_ptr<const BlobFile> hashed) {
    return std::make_shared<FileHasher>(
        std::move(hashed), Algorithm::sha256, executor, executor,
        [this](std::optional<Digest> digest) { reported.push_back(digest); });
  }
  void write(std::string_view text) {
    EXPECT_EQ(::write(file->fd(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }

  fakes::FakeClock clock;
  fakes::TimedExecutor executor{clock};
  const std::shared_ptr<const BlobFile> file =
      std::make_shared<const BlobFile>(::memfd_create("test", MFD_CLOEXEC));
  std::vector<std::optional<Digest>> reported;
};

TEST(HashingPhaseTest, AllowsTheArrowsOfTheDiagramOnly) {
  using enum HashingPhase;
  const std::set<std::pair<HashingPhase, HashingPhase>> arrows{
      {idle, running}, {running, idle}, {idle, ended}, {running, ended}};
  for (const auto from : {idle, running, ended}) {
    EXPECT_NE(to_string(from), "unknown");
    for (const auto to : {idle, running, ended})
      EXPECT_EQ(may_follow(from, to), arrows.contains({from, to}))
          << to_string(from) << " to " << to_string(to);
  }
}

TEST_F(FileHasherTest, FollowsTheWrittenBytes) {
  const auto hasher = hasher_of(file);
  write("abc");
  hasher->advance(2);
  EXPECT_EQ(hasher->hashed(), 0U);
  executor.run();
  EXPECT_EQ(hasher->hashed(), 2U);
  hasher->advance(3);
  executor.run();
  EXPECT_EQ(hasher->hashed(), 3U);
  EXPECT_TRUE(reported.empty()) << "more may follow";
  hasher->finish(3);
  executor.run();
  EXPECT_EQ(reported,
            std::vector{std::optional(digest_of(Algorithm::sha256, std::string_view("abc")))});
}

TEST_F(FileHasherTest, ReportsOnce) {
  const auto hasher = hasher_of(file);
  hasher->finish(0);
  hasher->finish(0);
  executor.run();
  hasher->finish(0);
  hasher->advance(0);
  executor.run();
  EXPECT_EQ(reported.size(), 1U);
}

TEST_F(FileHasherTest, ReportsNothingAfterCancel) {
  const auto hasher = hasher_of(file);
  write("abc");
  hasher->finish(3);
  ASSERT_TRUE(executor.run_one()) << "the digest is known, and not reported yet";
  hasher->cancel();
  hasher->cancel();
  executor.run();
  EXPECT_TRUE(reported.empty());
}

TEST_F(FileHasherTest, HashesNothingAfterCancel) {
  const auto hasher = hasher_of(file);
  write("abc");
  hasher->advance(3);
  hasher->cancel();
  executor.run();
  EXPECT_EQ(hasher->hashed(), 0U);
}

TEST_F(FileHasherTest, ReportsNoDigestForAFileThatIsTooShort) {
  const auto hasher = hasher_of(file);
  write("abc");
  hasher->finish(4);
  executor.run();
  EXPECT_EQ(reported, std::vector{std::optional<Digest>()});
}

}  // namespace
}  // namespace entrepot::cache
