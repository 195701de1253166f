// SPDX-License-Identifier: Apache-2.0
// A cache whose directory another one opens: what it still serves, and what it leaves.
#include <optional>

#include "cache/base/open_error.h"
#include "cache/index/layout.h"
#include "tests/unit/cache/cache_fixture.h"

namespace entrepot::cache {
namespace {

class GiveUpTest : public CacheTest {
 protected:
  ~GiveUpTest() override { executor.run(); }

  void give_up() {
    std::optional<bool> result;
    cache->give_up(executor, [&](bool given_up) { result = given_up; });
    executor.run();
    ASSERT_EQ(result, true);
  }
  /// Requests go to the other cache from now on.
  void open_another() {
    before = std::move(cache);
    open();
  }
  bool has_fills() const { return !std::filesystem::is_empty(Layout(options.directory).fills()); }
  void store(const std::string& bytes) {
    const auto request = ask_blob(sha256(bytes));
    last().answer(bytes);
    executor.run();
    ASSERT_TRUE(request.answered());
  }

  std::unique_ptr<Cache> before;
  const std::string large = pattern(1'000'000);
  const std::string small = pattern(4096);
};

TEST_F(GiveUpTest, BothServeWhatIsStored) {
  store(large);
  store(small);
  EXPECT_THROW(open_another(), OpenLaterError);
  cache = std::move(before);
  give_up();
  open_another();
  for (const auto& bytes : {large, small}) {
    const auto found = ask_blob(sha256(bytes));
    ASSERT_TRUE(found.answered());
    EXPECT_EQ(found.answer().outcome, Outcome::hit);
    EXPECT_EQ(read(*found.answer().content), bytes);
    const auto earlier = before->find_blob(repo, sha256(bytes));
    ASSERT_TRUE(earlier);
    EXPECT_EQ(read(*earlier->content), bytes);
  }
}

TEST_F(GiveUpTest, ATransferEndsForItsReaders) {
  const auto request = ask_blob(sha256(large));
  last().head(large.size());
  last().data(std::string_view(large).substr(0, 303'104));
  executor.run();
  const auto transfer = source.asked.size() - 1;
  give_up();
  EXPECT_FALSE(has_fills());
  open_another();
  source.asked[transfer].data(std::string_view(large).substr(303'104));
  source.asked[transfer].done();
  executor.run();
  EXPECT_EQ(read(*request.answer().content), large);
  EXPECT_FALSE(has_fills());
  const auto again = ask_blob(sha256(large));
  last().answer(large);
  executor.run();
  EXPECT_EQ(again.answer().outcome, Outcome::miss);
}

TEST_F(GiveUpTest, AnObjectThatIsBeingStoredIsStored) {
  for (const auto& bytes : {large, small}) {
    const auto request = ask_blob(sha256(bytes));
    last().answer(bytes);
    while (!request.answered() || request.answer().content->progress) {
      ASSERT_TRUE(executor.run_one());
      if (request.answered() && request.answer().content->progress &&
          request.answer().content->progress->state() == Progress::State::whole)
        break;
    }
  }
  give_up();
  open_another();
  for (const auto& bytes : {large, small})
    EXPECT_EQ(ask_blob(sha256(bytes)).answer().outcome, Outcome::hit);
}

TEST_F(GiveUpTest, NothingIsStoredLater) {
  give_up();
  const auto request = ask_blob(sha256(large));
  last().head(large.size());
  executor.run();
  EXPECT_EQ(request.answer().outcome, Outcome::bypass);
  last().data(large);
  last().done();
  executor.run();
  store(small);
  EXPECT_FALSE(has_fills());
  open_another();
  for (const auto& bytes : {large, small}) {
    const auto asked = source.asked.size();
    ask_blob(sha256(bytes));
    EXPECT_EQ(source.asked.size(), asked + 1);
    last().answer(bytes);
    executor.run();
  }
}

TEST_F(GiveUpTest, AFileOfAnEarlierFillStays) {
  const std::string huge = pattern(6 << 20);
  constexpr std::size_t first = 4 << 20;
  ask_blob(sha256(huge));
  last().head(huge.size());
  last().data(std::string_view(huge).substr(0, first));
  executor.run();
  last().fail(FailureKind::unavailable);
  executor.run();
  ASSERT_TRUE(has_fills());
  give_up();
  ask_blob(sha256(huge));
  EXPECT_TRUE(has_fills());
  open_another();
  ask_blob(sha256(huge));
  EXPECT_GT(last().request.offset, 0U);
}

}  // namespace
}  // namespace entrepot::cache
