// SPDX-License-Identifier: Apache-2.0
#include "proxy/access/rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace entrepot::access {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Matcher;

Rules rules(const RulesText& text) { return std::get<Rules>(Rules::parse(text)); }
std::vector<Problem> problems_of_rules(const RulesText& text) {
  const auto parsed = Rules::parse(text);
  const auto* problems = std::get_if<std::vector<Problem>>(&parsed);
  return problems == nullptr ? std::vector<Problem>() : *problems;
}
Matcher<Problem> at(const std::string& where, const std::string& what) {
  return AllOf(Field(&Problem::where, where), Field(&Problem::what, HasSubstr(what)));
}

Caller user(std::string_view name) {
  Caller caller;
  caller.user = name;
  caller.address = *IpAddress::parse("10.0.0.7");
  return caller;
}

/// Everybody pulls the library, the group also its own images, and nobody miners.
RulesText site() {
  RulesText text;
  text.groups = {{"build", {"ci"}}};
  text.access = {{{"group:build"}, {"ghcr.io/acme/*"}, true},
                 {{"user:old-*"}, {"*"}, false},
                 {{"anyone"}, {"docker.io/library/*", "docker.io/grafana/grafana"}, true}};
  text.deny = {{"docker.io", {"*/miner*"}}};
  text.upstreams = {"docker.io", "ghcr.io"};
  return text;
}

TEST(Rules, WithoutRulesEverythingIsAllowed) {
  const Decision expected{true, DecisionReason::no_rules, 0};
  EXPECT_EQ(Rules().decide({}, "docker.io", "library/alpine"), expected);
  EXPECT_EQ(rules({}).decide({}, "docker.io", "library/alpine"), expected);
  EXPECT_TRUE(rules({}).empty());
  EXPECT_FALSE(rules(site()).empty());
}

TEST(Rules, TheFirstMatchDecides) {
  const Rules decides = rules(site());
  const auto decide = [&](std::string_view name, std::string_view upstream,
                          std::string_view repository) {
    return decides.decide(user(name), upstream, repository);
  };
  EXPECT_EQ(decide("ci", "ghcr.io", "acme/app"), (Decision{true, DecisionReason::rule, 0}));
  EXPECT_EQ(decide("ci", "ghcr.io", "other/app"), (Decision{false, DecisionReason::no_rule, 0}));
  EXPECT_EQ(decide("zoe", "ghcr.io", "acme/app"), (Decision{false, DecisionReason::no_rule, 0}));
  EXPECT_EQ(decide("old-1", "docker.io", "library/alpine"),
            (Decision{false, DecisionReason::rule, 1}));
  EXPECT_EQ(decide("", "docker.io", "library/alpine"), (Decision{true, DecisionReason::rule, 2}));
  EXPECT_EQ(decide("", "docker.io", "grafana/grafana"), (Decision{true, DecisionReason::rule, 2}));
  EXPECT_EQ(decide("", "docker.io", "grafana/loki"), (Decision{false, DecisionReason::no_rule, 0}));
}

TEST(Rules, DenyListsComeFirst) {
  auto text = site();
  text.access.insert(text.access.begin(), {{"anyone"}, {"*"}, true});
  text.deny["docker.io"] = {"never", "*/miner*"};
  EXPECT_EQ(rules(text).decide(user("ci"), "docker.io", "library/miner"),
            (Decision{false, DecisionReason::deny_list, 1}));
  EXPECT_EQ(rules(text).decide(user("ci"), "ghcr.io", "library/miner"),
            (Decision{true, DecisionReason::rule, 0}));
}

TEST(Rules, DenyListsHoldWithoutRules) {
  RulesText text;
  text.deny = {{"docker.io", {"*/miner*"}}};
  EXPECT_EQ(rules(text).decide({}, "docker.io", "a/miner"),
            (Decision{false, DecisionReason::deny_list, 0}));
  EXPECT_EQ(rules(text).decide({}, "docker.io", "a/b"),
            (Decision{true, DecisionReason::no_rules, 0}));
}

TEST(Rules, NamesThatAreTooLongAreRefused) {
  RulesText text;
  text.access = {{{"anyone"}, {"*"}, true}};
  const std::string upstream = "docker.io";
  const std::string fits(Glob::longest_text - upstream.size() - 1, 'a');
  EXPECT_EQ(rules(text).decide({}, upstream, fits), (Decision{true, DecisionReason::rule, 0}));
  EXPECT_EQ(rules(text).decide({}, upstream, fits + "a"),
            (Decision{false, DecisionReason::too_long, 0}));
}

TEST(Rules, ProblemsHaveThePathOfTheirKey) {
  auto text = site();
  text.groups["build"].push_back("a\tb");
  text.groups["build"].push_back("node-*");
  text.access[0].who = {"group:builders", "net:10.0.0.1/8", "ci"};
  text.access[1].who = {};
  text.access[1].repositories = {};
  text.access[2].repositories = {"library/*", "docker.io", "ghcr.io/", "docker.io/[a", "*"};
  text.deny = {{"docker.io", {"docker.io/miner*", ""}}, {"quay.io", {"*"}}};
  EXPECT_THAT(
      problems_of_rules(text),
      ElementsAre(
          at("groups.build[1]", "control character"), at("groups.build[2]", "write user:node-*"),
          at("access[0].who[0]", "no group \"builders\""),
          at("access[0].who[1]", "write 10.0.0.0/8"), at("access[0].who[2]", "write anyone"),
          at("access[1].who", "write [\"anyone\"]"), at("access[1].repositories", "write [\"*\"]"),
          at("access[2].repositories[0]", "no upstream \"library\" (docker.io, ghcr.io)"),
          at("access[2].repositories[1]", "write docker.io/*"),
          at("access[2].repositories[2]", "write ghcr.io/*"),
          at("access[2].repositories[3]", "without \"]\""),
          at("policy.docker.io.deny[0]", "write miner*"), at("policy.docker.io.deny[1]", "empty"),
          at("policy.quay.io", "no upstream of this name")));
}

TEST(Rules, UpstreamsAreNotCheckedWithoutAList) {
  auto text = site();
  text.upstreams = {};
  text.access[2].repositories = {"library/*"};
  EXPECT_THAT(problems_of_rules(text), IsEmpty());
}

TEST(Rules, ManyProblemsAreCounted) {
  RulesText text;
  text.access = {{std::vector<std::string>(30, "x"), {"*"}, true}};
  EXPECT_EQ(problems_of_rules(text).size(), Problems::most + 1);
  EXPECT_EQ(problems_of_rules(text).back().what, "and 10 more");
}

TEST(Rules, ExplainTellsWhyEachRuleDoesNotMatch) {
  EXPECT_THAT(
      rules(site()).explain(user("ci"), "docker.io", "library/alpine"),
      ElementsAre("client: user ci, 10.0.0.7", "repository: docker.io/library/alpine",
                  "policy.docker.io.deny: no match",
                  "access[0]: no match: the client is group:build, but no pattern of "
                  "\"repositories\" is docker.io/library/alpine: ghcr.io/acme/*",
                  "access[1]: no match, because no term of \"who\" is this client: "
                  "user:old-*",
                  "access[2]: matches: anyone and docker.io/library/*", "allowed by access[2]"));
}

TEST(Rules, ExplainEndsWithTheDecision) {
  const Rules decides = rules(site());
  EXPECT_EQ(decides.explain(user("old-1"), "ghcr.io", "a").back(), "refused by access[1]");
  EXPECT_EQ(decides.explain({}, "ghcr.io", "a").back(), "refused: no rule matches");
  EXPECT_THAT(
      decides.explain({}, "docker.io", "a/miner"),
      AllOf(Contains("policy.docker.io.deny[0]: matches: */miner*"),
            Contains("refused by policy.docker.io.deny[0]"), Not(Contains(HasSubstr("access[")))));
  EXPECT_EQ(Rules().explain({}, "docker.io", "a").back(), "allowed: no rules are configured");
  EXPECT_EQ(decides.explain({}, "docker.io", std::string(2000, 'a')).back(),
            "refused: the names are too long");
}

TEST(Rules, ExplainIsSafeForATerminal) {
  for (const auto& line : rules(site()).explain(user("a\x1b[2J"), "docker.io", "x\x1b[2J"))
    EXPECT_EQ(line.find('\x1b'), std::string::npos) << line;
}

TEST(Caller, Text) {
  const std::vector<std::string> names = {"CN=node-1", "DNS=n.example"};
  Caller caller;
  EXPECT_EQ(caller_text(caller), "anonymous, unknown address");
  caller.user = "ci";
  caller.certificate = names;
  caller.uid = 1000;
  caller.address = *IpAddress::parse("2001:db8::7");
  EXPECT_EQ(caller_text(caller),
            "user ci, certificate CN=node-1, certificate DNS=n.example, uid 1000, 2001:db8::7");
}

}  // namespace
}  // namespace entrepot::access
