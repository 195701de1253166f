// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/listeners/listener_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <string>

#include "proxy/app/listeners/prepared_listeners.h"
#include "proxy/http/server.h"

namespace entrepot::app {

// For the messages of failed expectations.
void PrintTo(const ListenerPlan::Entry& entry, std::ostream* out) {
  *out << to_string(entry.step) << ' ' << entry.before;
}

namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Step = ListenerPlan::Step;
using Entry = ListenerPlan::Entry;

conf::Listener plain(const std::string& address) { return {address}; }

conf::Listener tls(const std::string& address, const std::string& certificate = "a.crt") {
  return {address, conf::ListenerTls{{{certificate, "a.key"}}}};
}

TEST(ListenerPlan, TheSameListKeepsAll) {
  const std::vector<conf::Listener> list{plain("127.0.0.1:1"), tls("127.0.0.1:2"),
                                         plain("unix:/run/a"), plain("127.0.0.1:0"),
                                         plain("127.0.0.1:0")};
  const auto plan = plan_listeners(list, list);
  EXPECT_THAT(plan.entries,
              ElementsAre(Entry{Step::keep, 0}, Entry{Step::keep, 1}, Entry{Step::keep, 2},
                          Entry{Step::keep, 3}, Entry{Step::keep, 4}));
  EXPECT_THAT(plan.removed, IsEmpty());
}

TEST(ListenerPlan, AnotherOrderKeepsAll) {
  const auto plan = plan_listeners({plain("127.0.0.1:1"), tls("127.0.0.1:2")},
                                   {tls("127.0.0.1:2"), plain("127.0.0.1:1")});
  EXPECT_THAT(plan.entries, ElementsAre(Entry{Step::keep, 1}, Entry{Step::keep, 0}));
  EXPECT_THAT(plan.removed, IsEmpty());
}

TEST(ListenerPlan, AddsAndRemovesAddresses) {
  const auto plan = plan_listeners({plain("127.0.0.1:1"), plain("127.0.0.1:2"), plain("unix:/a")},
                                   {plain("0.0.0.0:1"), plain("127.0.0.1:2"), plain("unix:/b")});
  EXPECT_THAT(plan.entries, ElementsAre(Entry{Step::add}, Entry{Step::keep, 1}, Entry{Step::add}));
  EXPECT_THAT(plan.removed, ElementsAre(0, 2));
}

TEST(ListenerPlan, TlsReplacesTheServerAndNothingElseDoes) {
  auto other = plain("127.0.0.1:1");
  other.networks = {"10.0.0.0/8"};
  other.auth.emplace();
  auto mode = plain("unix:/a");
  mode.mode = 0666;
  const auto plan = plan_listeners(
      {plain("127.0.0.1:1"), tls("127.0.0.1:2"), tls("127.0.0.1:3"), plain("127.0.0.1:4"),
       plain("unix:/a")},
      {other, tls("127.0.0.1:2", "b.crt"), plain("127.0.0.1:3"), tls("127.0.0.1:4"), mode});
  EXPECT_THAT(plan.entries,
              ElementsAre(Entry{Step::keep, 0}, Entry{Step::keep, 1}, Entry{Step::replace, 2},
                          Entry{Step::replace, 3}, Entry{Step::keep, 4}));
}

TEST(ListenerPlan, AnotherSpellingIsTheSameAddress) {
  const auto plan = plan_listeners({plain("[::1]:80"), plain("unix:/run/a")},
                                   {plain("[0:0::1]:080"), plain("unix:/run//b/../a")});
  EXPECT_THAT(plan.entries, ElementsAre(Entry{Step::keep, 0}, Entry{Step::keep, 1}));
  EXPECT_THAT(plan.removed, IsEmpty());
}

TEST(ListenerPlan, SeveralPortsOfTheSystemAtOneAddress) {
  // Each keeps its kind, so that no port changes from plain to TLS.
  const auto swapped = plan_listeners({plain("127.0.0.1:0"), tls("127.0.0.1:0")},
                                      {tls("127.0.0.1:0"), plain("127.0.0.1:0")});
  EXPECT_THAT(swapped.entries, ElementsAre(Entry{Step::keep, 1}, Entry{Step::keep, 0}));
  const auto fewer =
      plan_listeners({plain("127.0.0.1:0"), plain("127.0.0.1:0")}, {plain("127.0.0.1:0")});
  EXPECT_THAT(fewer.entries, ElementsAre(Entry{Step::keep, 0}));
  EXPECT_THAT(fewer.removed, ElementsAre(1));
  const auto more =
      plan_listeners({plain("127.0.0.1:0")}, {plain("127.0.0.1:0"), plain("127.0.0.1:0")});
  EXPECT_THAT(more.entries, ElementsAre(Entry{Step::keep, 0}, Entry{Step::add}));
}

TEST(ListenerPlan, NamesWhatIsNoAddress) {
  EXPECT_THROW(plan_listeners({plain("127.0.0.1:1")}, {plain("here")}), http::ListenError);
}

TEST(AdminUntilRestart, OnlyTheServerNeedsARestart) {
  using Admin = std::optional<conf::Admin>;
  const Admin now = conf::Admin{.listener = plain("127.0.0.1:1")};
  Admin doors = now;
  doors->hosts = {"a.example"};
  doors->listener.networks = {"10.0.0.0/8"};
  doors->listener.auth.emplace().tokens = "tokens.json";
  doors->change = {{"login"}};
  EXPECT_EQ(admin_until_restart(now, doors), doors);
  EXPECT_EQ(admin_until_restart(doors, now), now);
  EXPECT_EQ(admin_until_restart(std::nullopt, std::nullopt), std::nullopt);
  Admin moved = doors, with_mode = doors, with_tls = doors;
  moved->listener.address = "127.0.0.1:2";
  with_mode->listener.mode = 0600;
  with_tls->listener.tls = tls("127.0.0.1:1").tls;
  for (const Admin& next : {moved, with_mode, with_tls, Admin()}) {
    EXPECT_FALSE(same_admin_server(now, next));
    EXPECT_EQ(admin_until_restart(now, next), now);
    EXPECT_EQ(admin_until_restart(next, now), next);
  }
  Admin renewed = with_tls;
  renewed->listener.tls->certificates = {{"other.crt", "other.key"}};
  EXPECT_EQ(admin_until_restart(with_tls, renewed), renewed);
}

TEST(PreparedListeners, SayInWordsWhatChanges) {
  PreparedListeners prepared;
  EXPECT_FALSE(prepared.changed());
  prepared.added = {"a", "b"};
  prepared.removed = {"c"};
  prepared.with_tls = {"https://d"};
  prepared.rules = {"e"};
  EXPECT_TRUE(prepared.changed());
  EXPECT_EQ(
      prepared.text(),
      "listeners added: a, b; listeners removed: c; TLS added: https://d; new access rules on e");
}

}  // namespace
}  // namespace entrepot::app
