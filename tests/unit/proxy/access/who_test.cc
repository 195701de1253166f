// SPDX-License-Identifier: Apache-2.0
#include "proxy/access/who.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace entrepot::access {
namespace {

using testing::HasSubstr;

const Groups& groups() {
  static const Groups groups{
      .configured = {{"build", std::make_shared<const std::vector<std::string>>(
                                   std::vector<std::string>{"ci", "nightly", "zoe"})},
                     {"nobody", std::make_shared<const std::vector<std::string>>()}}};
  return groups;
}

bool term_matches(std::string_view term, const Caller& caller) {
  return std::get<Who>(Who::parse(term, groups())).matches(caller);
}

std::string fault_of_term(std::string_view term) {
  const auto parsed = Who::parse(term, groups());
  const auto* fault = std::get_if<Fault>(&parsed);
  return fault == nullptr ? "no fault" : fault->text;
}

Caller user_named(std::string_view name) {
  Caller caller;
  caller.user = name;
  return caller;
}

TEST(Who, AnyoneAnonymousAndLogin) {
  const std::vector<std::string> names = {"CN=node-1"};
  Caller certified;
  certified.certificate = names;
  Caller local;
  local.uid = 0;
  for (const Caller& caller : {Caller(), user_named("ci"), certified, local})
    EXPECT_TRUE(term_matches("anyone", caller));
  EXPECT_TRUE(term_matches("anonymous", Caller()));
  EXPECT_FALSE(term_matches("anonymous", user_named("ci")));
  EXPECT_FALSE(term_matches("anonymous", certified));
  EXPECT_FALSE(term_matches("anonymous", local));
  EXPECT_TRUE(term_matches("login", user_named("ci")));
  EXPECT_FALSE(term_matches("login", Caller()));
  EXPECT_FALSE(term_matches("login", certified));
}

TEST(Who, User) {
  EXPECT_TRUE(term_matches("user:ci", user_named("ci")));
  EXPECT_FALSE(term_matches("user:ci", user_named("ci2")));
  EXPECT_TRUE(term_matches("user:ci*", user_named("ci2")));
  EXPECT_TRUE(term_matches("user:*", user_named("ci")));
  EXPECT_FALSE(term_matches("user:*", Caller()));
  EXPECT_TRUE(term_matches("user:system:serviceaccount:ci:*",
                           user_named("system:serviceaccount:ci:builder")));
}

TEST(Who, Group) {
  for (const auto* name : {"ci", "nightly", "zoe"})
    EXPECT_TRUE(term_matches("group:build", user_named(name))) << name;
  EXPECT_FALSE(term_matches("group:build", user_named("c")));
  EXPECT_FALSE(term_matches("group:build", Caller()));
  EXPECT_FALSE(term_matches("group:nobody", user_named("ci")));
}

TEST(Who, AGroupIsConfiguredOrClaimed) {
  const auto parse = [](std::string_view term) {
    Groups both = groups();
    both.in_claims = true;
    return std::get<Who>(Who::parse(term, both));
  };
  const std::vector<std::string> claimed = {"build", "ops"};
  Caller caller = user_named("mallory");
  caller.groups = claimed;
  EXPECT_TRUE(parse("group:ops").matches(caller));
  EXPECT_FALSE(parse("group:op").matches(caller));
  EXPECT_FALSE(parse("group:ops").matches(user_named("ops")));
  EXPECT_FALSE(parse("group:build").matches(caller)) << "the configured group has its members only";
  EXPECT_TRUE(parse("group:build").matches(user_named("ci")));
}

TEST(Who, Claim) {
  Claims claims;
  claims.add("/azp", "ci");
  claims.add("/kubernetes.io/namespace", "build");
  claims.add("/roles", "a");
  claims.add("/roles", "b=c");
  Caller caller = user_named("x");
  caller.claims = &claims;
  EXPECT_TRUE(term_matches("claim:azp=ci", caller));
  EXPECT_TRUE(term_matches("claim:/azp=c*", caller));
  EXPECT_TRUE(term_matches("claim:/kubernetes.io/namespace=build", caller));
  EXPECT_TRUE(term_matches("claim:roles=b=c", caller)) << "the first = ends the name";
  EXPECT_FALSE(term_matches("claim:kubernetes.io=*", caller));
  EXPECT_FALSE(term_matches("claim:roles=c", caller));
  EXPECT_FALSE(term_matches("claim:azp=ci", user_named("ci")));
  EXPECT_FALSE(term_matches("claim:azp=*", Caller()));
}

TEST(Who, Certificate) {
  const std::vector<std::string> names = {"CN=node-1", "DNS=node-1.example",
                                          "URI=spiffe://example/node-1", "EMAIL=ops@example"};
  Caller caller;
  caller.certificate = names;
  EXPECT_TRUE(term_matches("cert:CN=node-*", caller));
  EXPECT_TRUE(term_matches("cert:DNS=node-1.example", caller));
  EXPECT_TRUE(term_matches("cert:URI=spiffe://example/*", caller));
  EXPECT_TRUE(term_matches("cert:EMAIL=ops@example", caller));
  EXPECT_TRUE(term_matches("cert:*", caller));
  EXPECT_FALSE(term_matches("cert:CN=node-1.example", caller));
  EXPECT_FALSE(term_matches("cert:DNS=node-1", caller));
  EXPECT_FALSE(term_matches("cert:URI=node-1.example", caller));
  EXPECT_FALSE(term_matches("cert:*", user_named("CN=node-1")));
  EXPECT_FALSE(term_matches("cert:CN=*", Caller()));
}

TEST(Who, NetworkAndUid) {
  Caller caller;
  caller.address = *IpAddress::parse("10.2.0.7");
  EXPECT_TRUE(term_matches("net:10.2.0.0/16", caller));
  EXPECT_FALSE(term_matches("net:10.3.0.0/16", caller));
  EXPECT_FALSE(term_matches("net:0.0.0.0/0", Caller()));
  EXPECT_FALSE(term_matches("uid:0", Caller()));
  caller.uid = 1000;
  EXPECT_TRUE(term_matches("uid:1000", caller));
  EXPECT_FALSE(term_matches("uid:0", caller));
}

TEST(Who, FaultsTellTheCure) {
  for (const auto* term : {"", "ci", "Anyone", "anyone ", "users:ci", ":ci"})
    EXPECT_THAT(fault_of_term(term), HasSubstr("is no client; write anyone")) << term;
  EXPECT_THAT(fault_of_term("user:"), HasSubstr("empty"));
  EXPECT_THAT(fault_of_term("user:[a"), HasSubstr("without \"]\""));
  EXPECT_EQ(fault_of_term("group:admins"),
            "no group \"admins\"; add it to \"groups\" with its users");
  EXPECT_THAT(fault_of_term("claim:azp"), HasSubstr("write claim:NAME=VALUE"));
  EXPECT_THAT(fault_of_term("claim:=x"), HasSubstr("names no claim"));
  EXPECT_THAT(fault_of_term("claim:azp="), HasSubstr("write * for everything"));
  EXPECT_THAT(fault_of_term("claim:/a~b=x"), HasSubstr("tilde"));
  for (const auto* term : {"cert:", "cert:node", "cert:L=acme", "cert:cn=node"})
    EXPECT_THAT(fault_of_term(term), HasSubstr("write cert:CN=NAME")) << term;
  EXPECT_THAT(fault_of_term("cert:CN="), HasSubstr("empty"));
  EXPECT_THAT(fault_of_term("net:10.0.0.1/8"), HasSubstr("write 10.0.0.0/8"));
  for (const auto* term : {"uid:", "uid:root", "uid:-1", "uid:4294967295", "uid:1 "})
    EXPECT_THAT(fault_of_term(term), HasSubstr("is no user id")) << term;
}

TEST(Who, KeepsItsText) {
  EXPECT_EQ(std::get<Who>(Who::parse("net:10.0.0.0/8", groups())).text(), "net:10.0.0.0/8");
}

}  // namespace
}  // namespace entrepot::access
