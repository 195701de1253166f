// SPDX-License-Identifier: Apache-2.0
#include "conf/override.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace entrepot::conf {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;

Json applied(std::string_view document, std::string_view assignment) {
  Json json = Json::parse(document);
  Problems problems;
  apply_override(assignment, json, problems);
  EXPECT_THAT(problems.errors, IsEmpty());
  return json;
}

std::string fault(std::string_view document, std::string_view assignment) {
  Json json = Json::parse(document);
  Problems problems;
  apply_override(assignment, json, problems);
  return problems.errors.empty() ? "" : problems.errors.front();
}

TEST(Override, SetsAndCreatesKeys) {
  EXPECT_EQ(applied(R"({})", "cache.max_size=10GiB"),
            Json::parse(R"({ "cache": { "max_size": "10GiB" } })"));
  EXPECT_EQ(applied(R"({ "a": { "b": 1, "c": 2 } })", "a.b=3"),
            Json::parse(R"({ "a": { "b": 3, "c": 2 } })"));
  EXPECT_EQ(applied(R"({ "admin": null })", "admin.address=x"),
            Json::parse(R"({ "admin": { "address": "x" } })"));
}

TEST(Override, ParsesJsonValues) {
  EXPECT_EQ(applied("{}", "a=true")["a"], true);
  EXPECT_EQ(applied("{}", "a=4")["a"], 4);
  EXPECT_EQ(applied("{}", "a=null")["a"], nullptr);
  EXPECT_EQ(applied("{}", "a=[1,2]")["a"], Json::parse("[1,2]"));
  EXPECT_EQ(applied("{}", "a=\"4\"")["a"], "4");
  EXPECT_EQ(applied("{}", "a=4s")["a"], "4s");
  EXPECT_EQ(applied("{}", "a=")["a"], "");
  EXPECT_EQ(applied("{}", "a=b=c")["a"], "b=c");
}

TEST(Override, MatchesNamesWithDotsAgainstExistingKeys) {
  const auto* document =
      R"({ "upstreams": { "docker": {}, "docker.io": {}, "docker.io.eu": {} } })";
  EXPECT_EQ(applied(document, "upstreams.docker.io.tags.fresh_for=5s")["upstreams"]["docker.io"],
            Json::parse(R"({ "tags": { "fresh_for": "5s" } })"));
  EXPECT_EQ(applied(document, "upstreams.docker.io.eu.internal=true")["upstreams"]["docker.io.eu"],
            Json::parse(R"({ "internal": true })"));
  EXPECT_EQ(applied(document, "upstreams.docker.x=1")["upstreams"]["docker"],
            Json::parse(R"({ "x": 1 })"));
}

TEST(Override, AcceptsQuotedNames) {
  EXPECT_EQ(applied("{}", R"(upstreams."my.registry".internal=true)"),
            Json::parse(R"({ "upstreams": { "my.registry": { "internal": true } } })"));
  EXPECT_EQ(applied("{}", R"("a=b"=1)"), Json::parse(R"({ "a=b": 1 })"));
}

TEST(Override, SelectsAndExtendsLists) {
  const auto* document = R"({ "listen": [ { "address": "a" } ] })";
  EXPECT_EQ(applied(document, "listen[0].address=b"),
            Json::parse(R"({ "listen": [ { "address": "b" } ] })"));
  EXPECT_EQ(applied(document, "listen[1].address=b"),
            Json::parse(R"({ "listen": [ { "address": "a" }, { "address": "b" } ] })"));
  EXPECT_EQ(applied("{}", "a[0][0]=1"), Json::parse(R"({ "a": [ [ 1 ] ] })"));
}

TEST(Override, ReportsMalformedKeys) {
  EXPECT_EQ(fault("{}", "verbose"), "-s verbose: expected key=value, such as cache.max_size=10GiB");
  EXPECT_EQ(fault("{}", "=1"), "-s =1: expected key=value, such as cache.max_size=10GiB");
  EXPECT_EQ(fault("{}", "a..b=1"), "-s a..b: a name is missing");
  EXPECT_EQ(fault("{}", "a.=1"), "-s a.: a name is missing");
  EXPECT_EQ(fault("{}", R"(a."b=1)"),
            R"(-s a."b=1: expected key=value, such as cache.max_size=10GiB)");
  EXPECT_EQ(fault("{}", R"(a."b"c=1)"),
            R"(-s a."b"c: expected '.', '[' or '=' after the closing quote)");
  EXPECT_EQ(fault(R"({ "log": { "level": "info" } })", "log.level.x=1"),
            "-s log.level.x: log.level is not an object");
  EXPECT_EQ(fault(R"({ "log": {} })", "log[0]=1"), "-s log[0]: log is not a list");
  EXPECT_EQ(fault(R"({ "listen": [] })", "listen[2]=1"), "-s listen[2]: listen has 0 entries");
  EXPECT_EQ(fault("{}", "listen[x]=1"), "-s listen[x]: expected a number in [ ]");
  EXPECT_EQ(fault("{}", "listen[0=1"), "-s listen[0: expected a number in [ ]");
  EXPECT_EQ(fault("{}", "listen[0]x=1"), "-s listen[0]x: expected '.', '[' or '=' after ']'");
}

}  // namespace
}  // namespace entrepot::conf
