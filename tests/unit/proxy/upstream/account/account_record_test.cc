// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/account/account_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <string>
#include <vector>

namespace entrepot::upstream {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using ::testing::HasSubstr;
using ::testing::Not;

class AccountRecordTest : public ::testing::Test {
 protected:
  std::string denied(int count) const {
    return "entrepot_accounts_denied{upstream=\"u\",endpoint=\"e\"} " + std::to_string(count) +
           "\n";
  }

  const Timeouts timeouts{};
  metrics::Metrics metrics{std::vector<metrics::UpstreamLabels>{{"u", {"e"}}}};
  AccountRecords records;
  const Credential credential{"robot", "secret"};
  std::shared_ptr<AccountRecord> record = records.of("u", "e", credential, timeouts);
  AccountRecord::Time now = AccountRecord::Time() + hours(1);
};

TEST_F(AccountRecordTest, IsTheSameForTheSameAccount) {
  EXPECT_EQ(records.of("u", "e", credential, timeouts), record);
  EXPECT_NE(records.of("u", "e", {"robot", "another"}, timeouts), record);
  EXPECT_NE(records.of("u", "e", {"other", "secret"}, timeouts), record);
  EXPECT_NE(records.of("u", "f", credential, timeouts), record);
  EXPECT_NE(records.of("v", "e", credential, timeouts), record);
  record->end_check(AccountVerdict::refused, now);
  record.reset();
  EXPECT_FALSE(records.of("u", "e", credential, timeouts)->refused()) << "it was gone";
}

TEST_F(AccountRecordTest, TheAnonymousUserHasOneAtEachEndpoint) {
  const auto anonymous = records.of_anonymous("u", "e", timeouts);
  EXPECT_EQ(records.of_anonymous("u", "e", timeouts), anonymous);
  EXPECT_NE(records.of_anonymous("u", "f", timeouts), anonymous);
  EXPECT_NE(records.of("u", "e", {"", ""}, timeouts), anonymous);
}

TEST_F(AccountRecordTest, TheSavingBeginsOnceForAllLoops) {
  ResponseHead head;
  head.ratelimit_limit = "100;w=3600";
  head.ratelimit_remaining = "5;w=3600";
  RateBudget one, other;
  one.update(head, now);
  other.update(head, now);
  EXPECT_EQ(record->look_at_saving(one, now), SavingWatch::Change::begins);
  EXPECT_EQ(record->look_at_saving(other, now), SavingWatch::Change::none);
}

TEST_F(AccountRecordTest, CountsOnceWhileItIsUsed) {
  const auto series = metrics.endpoint("u", "e");
  record->join(series);
  record->join(series);
  EXPECT_TRUE(record->end_check(AccountVerdict::refused, now));
  EXPECT_THAT(metrics.text(), HasSubstr(denied(1)));
  record->leave();
  EXPECT_THAT(metrics.text(), HasSubstr(denied(1)));
  record->leave();
  EXPECT_THAT(metrics.text(), HasSubstr(denied(0)));
  record->join(series);
  EXPECT_THAT(metrics.text(), HasSubstr(denied(1))) << "a reload forgets no refusal";
  EXPECT_TRUE(record->end_check(AccountVerdict::accepted, now + minutes(1)));
  EXPECT_THAT(metrics.text(), HasSubstr(denied(0)));
}

TEST_F(AccountRecordTest, CountsInTheSeriesOfTheLastUser) {
  record->join(metrics.endpoint("u", "e"));
  record->end_check(AccountVerdict::refused, now);
  // The endpoint went, and came again, while the first user was still there.
  set_upstreams(metrics, {{"u", {}}});
  set_upstreams(metrics, {{"u", {"e"}}});
  record->join(metrics.endpoint("u", "e"));
  EXPECT_THAT(metrics.text(), HasSubstr(denied(1)));
  record->leave();
  EXPECT_THAT(metrics.text(), HasSubstr(denied(1)));
}

TEST_F(AccountRecordTest, OneChecksAtATime) {
  EXPECT_TRUE(record->begin_check(now));
  EXPECT_FALSE(record->begin_check(now));
  EXPECT_TRUE(record->checking());
  record->abandon_check();
  EXPECT_FALSE(record->checking());
  EXPECT_FALSE(record->known(now)) << "no verdict";
  EXPECT_FALSE(record->begin_due_check(now)) << "it is not refused";
  EXPECT_TRUE(record->begin_check(now));
  record->end_check(AccountVerdict::refused, now);
  EXPECT_EQ(record->known(now), AccountVerdict::refused);
  EXPECT_FALSE(record->begin_check(now)) << "another loop has just done it";
  EXPECT_FALSE(record->begin_due_check(now));
  now += minutes(1);
  EXPECT_TRUE(record->begin_due_check(now));
  EXPECT_FALSE(record->begin_due_check(now));
}

TEST_F(AccountRecordTest, AnAcceptedLoginExcusesNoLaterRefusal) {
  const auto began = now;
  EXPECT_TRUE(record->begin_check(began));
  now += std::chrono::seconds(1);
  record->end_check(AccountVerdict::accepted, now);
  EXPECT_EQ(record->known(now), AccountVerdict::accepted);
  EXPECT_EQ(record->known(now, began), AccountVerdict::accepted);
  EXPECT_TRUE(record->accepted_since(began));
  const auto refused = began + std::chrono::milliseconds(1);
  EXPECT_EQ(record->known(now, refused), std::nullopt) << "while the check was running";
  EXPECT_FALSE(record->accepted_since(refused));
  EXPECT_EQ(record->next_step(), PasswordProof::Step::follow);
  record->password_ended(false, PasswordEnd::refused, now);
  EXPECT_EQ(record->next_step(), PasswordProof::Step::check);
  EXPECT_FALSE(record->begin_check(now)) << "a verdict is known";
  EXPECT_TRUE(record->begin_check(now, refused));
  record->end_check(AccountVerdict::refused, now);
  EXPECT_EQ(record->known(now, now + std::chrono::hours(1)), AccountVerdict::refused);
}

TEST_F(AccountRecordTest, ARefusedAccountSendsNoPassword) {
  EXPECT_EQ(record->next_step(), PasswordProof::Step::lead);
  record->password_ended(true, PasswordEnd::refused, now);
  record->end_check(AccountVerdict::refused, now);
  EXPECT_EQ(record->next_step(), std::nullopt);
  record->end_check(AccountVerdict::accepted, now + minutes(1));
  EXPECT_EQ(record->next_step(), PasswordProof::Step::follow);
}

TEST_F(AccountRecordTest, TellsTheLoopsOfEachChange) {
  loop::Loop loop("listener");
  loop.start();
  std::promise<void> first, second;
  int calls = 0;
  auto listener = std::make_shared<const std::function<void()>>([&] {
    ++calls;
    (calls == 1 ? first : second).set_value();
  });
  record->listen(loop, listener);
  record->end_check(AccountVerdict::accepted, now);
  first.get_future().wait();
  record->password_ended(false, PasswordEnd::accepted, now);  // changes nothing
  record->abandon_check();
  second.get_future().wait();
  EXPECT_EQ(calls, 2);
  listener.reset();
  record->abandon_check();
  loop.stop();
  loop.join();
  EXPECT_EQ(calls, 2);
}

}  // namespace
}  // namespace entrepot::upstream
