// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/issuer_keys/issuer_keys.h"

#include <gmock/gmock.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/fakes/fake_clock.h"
#include "tests/fakes/hand_executor.h"
#include "tests/fakes/timed_executor.h"

namespace entrepot::app {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;

conf::Listener listener(const std::vector<std::string>& issuers) {
  conf::Listener made{"127.0.0.1:1"};
  made.auth.emplace();
  for (const auto& issuer : issuers) {
    conf::JwtIssuer with{.issuer = issuer, .audience = {"x"}};
    with.discovery = true;
    made.auth->jwt.push_back(with);
  }
  return made;
}

class IssuerKeysTest : public testing::Test {
 protected:
  void TearDown() override { keys.stop(); }
  void start(const std::vector<std::string>& issuers) {
    keys.use({listener(issuers)});
    keys.start();
  }
  /// The pool fetches, and the loop gets the results.
  void fetch() {
    pool.run();
    control.run();
  }
  /// The keys by issuer.
  std::map<std::string, std::string> texts() const {
    std::map<std::string, std::string> texts;
    for (const auto& [source, text] : keys.keys()) texts[source.issuer] = text;
    return texts;
  }

  fakes::FakeClock clock;
  fakes::TimedExecutor control{clock};
  fakes::HandExecutor pool;
  metrics::Metrics metrics{{}};
  std::map<std::string, std::string> published;  // by issuer; absent: it fails
  std::vector<std::string> fetched;
  int changes = 0;
  IssuerKeys keys{control,
                  pool,
                  metrics,
                  [this] { ++changes; },
                  [this](const KeySource& source,
                         const std::atomic<bool>&) -> std::variant<PublishedKeys, KeyFetchFailure> {
                    fetched.push_back(source.issuer);
                    const auto found = published.find(source.issuer);
                    if (found == published.end())
                      return KeyFetchFailure{metrics::KeyFetch::status, "answers with status 500"};
                    return PublishedKeys{found->second, 1};
                  },
                  [this] { return clock.steady(); }};
};

TEST_F(IssuerKeysTest, KeysAreFetchedOnceAnHour) {
  published = {{"a", "1"}};
  start({"a"});
  fetch();
  EXPECT_EQ(texts().at("a"), "1");
  EXPECT_EQ(changes, 1);
  control.pass(minutes(59));
  EXPECT_EQ(pool.waiting(), 0U);
  control.pass(minutes(1));
  fetch();
  EXPECT_EQ(changes, 1) << "the same keys";
  published = {{"a", "2"}};
  control.pass(minutes(60));
  fetch();
  EXPECT_EQ(texts().at("a"), "2");
  EXPECT_EQ(changes, 2);
  EXPECT_EQ(fetched.size(), 3U);
}

TEST_F(IssuerKeysTest, AFailureIsRepeatedAMinuteLaterAndKeepsTheKeys) {
  published = {{"a", "1"}};
  start({"a", "b"});
  fetch();
  EXPECT_EQ(texts().size(), 1U);
  published.clear();
  control.pass(minutes(1));
  fetch();
  EXPECT_EQ(texts().at("a"), "1") << "keys of before stay";
  EXPECT_THAT(fetched, ElementsAre("a", "b", "a", "b"));
  published = {{"a", "1"}, {"b", "2"}};
  control.pass(minutes(1));
  fetch();
  EXPECT_EQ(texts().at("b"), "2");
  EXPECT_EQ(changes, 2);
  control.pass(minutes(1));
  EXPECT_EQ(pool.waiting(), 0U) << "none fails now";
}

TEST_F(IssuerKeysTest, TokensWithUnknownKeysCauseOneFetchInTenSeconds) {
  published = {{"a", "1"}};
  start({"a"});
  fetch();
  const auto ask = keys.asker();
  for (int i = 0; i < 100; ++i) ask();
  control.pass(seconds(9));
  EXPECT_EQ(pool.waiting(), 0U);
  control.pass(seconds(1));
  EXPECT_EQ(pool.waiting(), 1U);
  ask();  // while the fetch runs: another one has to follow
  control.run();
  fetch();
  EXPECT_EQ(fetched.size(), 2U);
  control.pass(seconds(10));
  fetch();
  EXPECT_EQ(fetched.size(), 3U);
  control.pass(minutes(10));
  EXPECT_EQ(pool.waiting(), 0U);
  ask();
  control.pass(seconds(0));
  control.pass(seconds(0));
  EXPECT_EQ(pool.waiting(), 1U) << "the last fetch is long ago";
}

TEST_F(IssuerKeysTest, SourcesComeAndGo) {
  published = {{"a", "1"}, {"b", "2"}, {"c", "3"}};
  start({"a", "b"});
  fetch();
  EXPECT_EQ(texts().size(), 2U);
  keys.use({listener({"b", "c"})});
  control.pass(seconds(0));
  fetch();
  EXPECT_THAT(fetched, ElementsAre("a", "b", "b", "c"));
  EXPECT_EQ(texts().size(), 2U);
  EXPECT_EQ(texts().count("a"), 0U);
  // A source that comes during a fetch is fetched soon after it.
  control.pass(minutes(60));
  keys.use({listener({"a", "b", "c"})});
  fetch();
  control.pass(seconds(10));
  fetch();
  EXPECT_EQ(texts().at("a"), "1");
}

TEST_F(IssuerKeysTest, AnIssuerThatIsGoneFailsNoMore) {
  start({"a"});
  fetch();
  EXPECT_THAT(metrics.text(), HasSubstr("entrepot_jwt_issuers_failing 1"));
  keys.use({listener({})});
  EXPECT_THAT(metrics.text(), HasSubstr("entrepot_jwt_issuers_failing 0"));
}

TEST_F(IssuerKeysTest, WithoutSourcesNothingIsFetched) {
  start({});
  control.pass(minutes(120));
  keys.asker()();
  control.pass(minutes(1));
  EXPECT_EQ(pool.waiting(), 0U);
}

TEST_F(IssuerKeysTest, ReportsTheEndOfTheFirstFetch) {
  int ends = 0;
  keys.use({listener({"a"})});  // which fails
  keys.start([&] { ++ends; });
  EXPECT_EQ(ends, 0);
  fetch();
  EXPECT_EQ(ends, 1);
  keys.start([&] { ++ends; });
  EXPECT_EQ(ends, 2);
  EXPECT_EQ(pool.waiting(), 0U);
  control.pass(minutes(1));
  fetch();
  EXPECT_EQ(ends, 2);
}

TEST_F(IssuerKeysTest, AStartAfterTheStopFetchesNothing) {
  int ends = 0;
  keys.use({listener({"a"})});
  keys.stop();
  keys.start([&] { ++ends; });
  EXPECT_EQ(ends, 1);
  EXPECT_EQ(pool.waiting(), 0U);
}

TEST_F(IssuerKeysTest, AfterTheStopNothingHappens) {
  published = {{"a", "1"}};
  start({"a"});
  const auto ask = keys.asker();
  keys.stop();
  fetch();
  EXPECT_TRUE(fetched.empty());
  EXPECT_EQ(changes, 0);
  ask();
  control.pass(minutes(120));
  EXPECT_EQ(pool.waiting(), 0U);
}

}  // namespace
}  // namespace entrepot::app
