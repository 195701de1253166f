// SPDX-License-Identifier: Apache-2.0
// The demand that an upstream request sees while its clients join and leave.
#include "cache/base/demand.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "tests/unit/cache/cache_fixture.h"
#include "tests/unit/cache/sizes.h"

namespace entrepot::cache {
namespace {

using Level = Demand::Level;
using std::chrono::seconds;

class DemandTest : public CacheTest {
 protected:
  /// A client that can leave.
  struct Guest {
    std::shared_ptr<Left> left = std::make_shared<Left>(false);
    Pending pending;
    void leave() {
      *left = true;
      pending.answers->clear();
    }
  };
  Requester asker(const Guest& guest) { return {executor, {}, Client{1}, guest.left}; }
  Guest ask(const Digest& digest, bool head = false, RequestedRanges wanted = {}) {
    Guest guest;
    cache->fetch_blob(repo, digest, head, asker(guest), guest.pending.callback(),
                      std::move(wanted));
    executor.run();
    return guest;
  }
  Level level() { return last().request.demand->level(); }
  bool expendable() { return last().request.demand->expendable(); }
};

TEST_F(DemandTest, LosesItsWaitersAndGainsANewOne) {
  const auto digest = sha256("content");
  auto first = ask(digest);
  EXPECT_EQ(last().request.client, Client{1});
  EXPECT_EQ(level(), Level::awaited);
  auto second = ask(digest);
  first.leave();
  EXPECT_EQ(level(), Level::awaited);
  second.leave();
  EXPECT_EQ(level(), Level::nobody);
  const auto third = ask(digest);
  EXPECT_EQ(source.asked.size(), 1U);
  EXPECT_EQ(level(), Level::awaited);
  last().answer("content");
  executor.run();
  EXPECT_TRUE(third.pending.answer().content);
}

TEST_F(DemandTest, IsAwaitedWhileAClientReads) {
  const auto bytes = pattern(20 * mib);
  auto reader = ask(sha256(bytes));
  last().head(bytes.size());
  last().data(bytes.substr(0, 2 * mib));
  executor.run();
  ASSERT_TRUE(reader.pending.answered());
  *reader.left = true;  // the client has its answer, and reads
  EXPECT_EQ(level(), Level::awaited);
  reader.leave();
  EXPECT_EQ(level(), Level::background);
  EXPECT_TRUE(expendable());
  last().data(bytes.substr(2 * mib, 11 * mib));
  executor.run();
  EXPECT_FALSE(expendable()) << "7 MiB are left";
}

TEST_F(DemandTest, ResumesATransferThatEndedForOthers) {
  const auto bytes = pattern(20 * mib);
  auto reader = ask(sha256(bytes));
  last().head(bytes.size());
  last().data(bytes.substr(0, 2 * mib));
  executor.run();
  reader.leave();
  last().done(nobody_waits());
  executor.run();
  auto next = ask(sha256(bytes));
  ASSERT_EQ(source.asked.size(), 2U);
  EXPECT_GT(last().request.offset, mib);
  last().sent = last().request.offset;
  last().head(bytes.size());
  last().data(bytes.substr(last().request.offset));
  last().done();
  executor.run();
  EXPECT_EQ(read(*next.pending.answer().content), bytes);
}

TEST_F(DemandTest, PiecesServeTheirRequesterOnly) {
  RequestedRanges wanted{.pieces = true, .first = Span{0, 4096}, .in = [](std::uint64_t) {
                           return std::optional(std::vector<Span>{{0, 4096}});
                         }};
  auto reader = ask(sha256(pattern(20 * mib)), false, wanted);
  EXPECT_EQ(level(), Level::awaited);
  reader.leave();
  EXPECT_EQ(level(), Level::nobody);
}

TEST_F(DemandTest, AClientThatHasLeftStartsNoRequest) {
  Guest guest;
  guest.leave();
  cache->fetch_blob(repo, sha256("content"), false, asker(guest), guest.pending.callback());
  cache->fetch_tag(repo, "latest", false, false, asker(guest), guest.pending.callback());
  cache->fetch_tags(repo, asker(guest), [](const ListingAnswer&) {});
  executor.run();
  EXPECT_TRUE(source.asked.empty());
  EXPECT_TRUE(source.listed.empty());
  EXPECT_EQ(guest.pending.answers->size(), 2U) << "each is answered nevertheless";
}

TEST_F(DemandTest, IsAwaitedForAProofAndATagCheck) {
  auto looking = ask(sha256("content"), /*head=*/true);
  EXPECT_EQ(level(), Level::awaited);
  looking.leave();
  EXPECT_EQ(level(), Level::nobody);
  Guest guest;
  cache->fetch_tag(repo, "latest", false, false, asker(guest), guest.pending.callback());
  executor.run();
  EXPECT_EQ(level(), Level::awaited);
  guest.leave();
  EXPECT_EQ(level(), Level::nobody);
}

TEST_F(DemandTest, ReleasesClientsThatLeftAFlight) {
  const auto digest = sha256("content");
  const auto stays = ask(digest);
  std::vector<std::weak_ptr<Left>> gone;
  for (int i = 0; i < 1000; ++i) {
    auto leaver = ask(digest);
    leaver.leave();
    gone.emplace_back(leaver.left);
  }
  const auto kept =
      std::count_if(gone.begin(), gone.end(), [](const auto& one) { return !one.expired(); });
  EXPECT_LT(kept, 130);
  last().answer("content");
  executor.run();
  EXPECT_TRUE(stays.pending.answer().content);
}

class SlowReaderTest : public DemandTest {
 protected:
  SlowReaderTest() {
    options.max_size = 16 * mib;  // a blob larger than a quarter passes through
    open();
  }
  /// Passes time in steps as short as the fill's own.
  void let_pass(std::chrono::milliseconds time) {
    constexpr std::chrono::milliseconds step{2};
    for (auto passed = step; passed <= time; passed += step) executor.pass(step);
  }
  /// A blob that passes through, and its only reader, who has read nothing yet.
  Guest pass(const std::string& bytes) {
    auto reader = ask(sha256(bytes));
    last().head(bytes.size());
    last().data(bytes.substr(0, 5 * mib));
    executor.run();
    return reader;
  }
};

TEST_F(SlowReaderTest, IsCutIfOthersWaitForItsTransfer) {
  const auto bytes = pattern(12 * mib);
  const auto reader = pass(bytes);
  ASSERT_TRUE(reader.pending.answer().content->file->discardable());
  source.others_wait = true;
  let_pass(seconds(11));
  EXPECT_TRUE(reader.pending.answer().content->reader->cut());
  EXPECT_TRUE(last().cancelled);
}

TEST_F(SlowReaderTest, SetsThePaceIfNoOtherClientWaits) {
  const auto bytes = pattern(12 * mib);
  const auto reader = pass(bytes);
  let_pass(seconds(11));
  EXPECT_FALSE(reader.pending.answer().content->reader->cut());
  EXPECT_FALSE(last().cancelled);
}

TEST_F(SlowReaderTest, StaysConnectedAfterTakingAWindowInTime) {
  const auto bytes = pattern(14 * mib);
  const auto reader = pass(bytes);
  source.others_wait = true;
  let_pass(seconds(5));
  reader.pending.answer().content->reader->at(4 * mib + 4096);
  let_pass(std::chrono::milliseconds(100));
  last().data(bytes.substr(5 * mib, 4 * mib));
  let_pass(seconds(6));
  EXPECT_FALSE(reader.pending.answer().content->reader->cut());
}

}  // namespace
}  // namespace entrepot::cache
