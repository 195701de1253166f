// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/restart_keys/restart_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "conf/load.h"

namespace entrepot::app {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// Every key of the reference, and the word in its column SIGHUP.
std::map<std::string, std::string> documented() {
  std::ifstream file(ENTREPOT_DOCS_DIR "/configuration.md");
  const std::regex row(R"(^\| `([a-zA-Z_.\[\]]+)` \| (?:`[^`]*`|–) \| (reload|restart) \| .*)");
  std::map<std::string, std::string> found;
  std::smatch match;
  for (std::string line; std::getline(file, line);)
    if (std::regex_match(line, match, row)) found[match[1]] = match[2];
  return found;
}

/// A configuration with every key of the reference. `other`: with other values of all.
conf::Config whole(bool other) {
  const char* one = R"({
    "listen": [ { "address": "127.0.0.1:0", "networks": ["10.0.0.0/8"],
                  "trusted_proxies": { "networks": ["10.0.0.1"], "protocol": "proxy-protocol" } },
                { "address": "unix:/run/a.sock", "mode": "0600" } ],
    "admin": { "address": "unix:/run/admin.sock", "mode": "0600", "hosts": ["a.example"],
               "probes": ["anyone"], "metrics": ["anyone"], "read": ["anyone"],
               "change": ["uid:0"] },
    "default_upstream": "a.example",
    "access": [ { "who": ["anyone"], "repositories": ["*/*"], "allow": true } ],
    "groups": { "g": ["u"] }, "policy": { "a.example": { "deny": ["*/x"] } },
    "upstreams": { "a.example": {
      "endpoints": [ { "url": "https://a.example", "ns": false, "region": "r" } ],
      "aliases": ["aa.example"], "access": "public", "internal": false,
      "proxy": { "url": "http://p.example:1", "except": ["e.example"] },
      "token_hosts": ["t.example"],
      "tags": { "fresh_for": "1s", "stale_for": "1d", "rules": [ { "match": "x", "fresh_for": "2s" } ] } },
      "b.example": { "endpoints": [ { "url": "https://b.example" } ] } },
    "registry": { "catalog": false },
    "cache": { "directory": "/one", "max_size": "1GiB", "reserve_free": "1GiB", "pin": ["a/*"],
               "scrub_rate": 1 },
    "threads": { "serve": 1, "fetch": 1, "store": 2 },
    "timeouts": { "connect": "1s", "first_byte": "1s", "stall": "1s", "header": "1s", "idle": "1s",
                  "send": "1s", "drain": "1s" },
    "limits": { "connections": 1, "connections_per_client": 1, "requests_per_client": 1,
                "misses_per_client": 1, "bandwidth_per_client": "1MiB", "max_blob": 1,
                "transfers_per_blob": 1 },
    "log": { "level": "info", "format": "text", "access": true, "access_file": "/tmp/one.log",
             "access_sample": 1 } })";
  const char* two = R"({
    "listen": [ { "address": "127.0.0.1:0", "networks": ["11.0.0.0/8"],
                  "trusted_proxies": { "networks": ["10.0.0.2"], "protocol": "x-forwarded-for" } },
                { "address": "unix:/run/a.sock", "mode": "0660" } ],
    "admin": { "address": "unix:/run/other.sock", "mode": "0660", "hosts": ["b.example"],
               "probes": ["uid:1"], "metrics": ["uid:1"], "read": ["uid:1"], "change": ["uid:1"] },
    "default_upstream": "c.example",
    "access": [ { "who": ["anonymous"], "repositories": ["*/a"], "allow": false } ],
    "groups": { "g": ["v"] }, "policy": { "a.example": { "deny": ["*/y"] } },
    "upstreams": { "a.example": {
      "endpoints": [ { "url": "https://a.example", "ns": true, "region": "s" } ],
      "aliases": ["ab.example"], "access": "restricted", "internal": true,
      "proxy": { "url": "http://p.example:2", "except": ["f.example"] },
      "token_hosts": ["u.example"],
      "tags": { "fresh_for": "3s", "stale_for": "3d", "rules": [ { "match": "x", "fresh_for": "4s" } ] } },
      "c.example": { "endpoints": [ { "url": "https://c.example" } ] } },
    "registry": { "catalog": true },
    "cache": { "directory": "/two", "max_size": "50%", "reserve_free": "10%", "pin": ["b/*"],
               "scrub_rate": 2 },
    "threads": { "serve": 2, "fetch": 2, "store": 3 },
    "timeouts": { "connect": "2s", "first_byte": "2s", "stall": "2s", "header": "2s", "idle": "2s",
                  "send": "2s", "drain": "2s" },
    "limits": { "connections": 2, "connections_per_client": 2, "requests_per_client": 2,
                "misses_per_client": 2, "bandwidth_per_client": "2MiB", "max_blob": 2,
                "transfers_per_blob": 2 },
    "log": { "level": "warn", "format": "json", "access": false, "access_file": "/tmp/two.log",
             "access_sample": 2 } })";
  return conf::load_text(other ? two : one, "test", {}).config;
}

std::set<std::string> rows_of(const std::vector<conf::Difference>& differences) {
  std::set<std::string> rows;
  for (const auto& one : differences) rows.insert(one.row);
  return rows;
}

TEST(RestartKeys, AreThoseOfTheReference) {
  const auto reference = documented();
  ASSERT_GT(reference.size(), 80U);
  for (const auto& [key, word] : reference) EXPECT_EQ(needs_restart(key), word == "restart") << key;
}

TEST(RestartKeys, EveryOtherKeyTakesEffectAtOnceAndNoneOfThem) {
  const auto now = whole(false), next = whole(true);
  const auto taken = until_restart(now, next);
  const auto reference = documented();
  std::set<std::string> differ;
  for (const auto& row : rows_of(conf::differences(conf::key_values(now), conf::key_values(next))))
    differ.insert(row);
  for (const auto& row : rows_of(conf::differences(conf::key_values(now), conf::key_values(taken))))
    EXPECT_FALSE(needs_restart(row)) << row << " is called fixed, and changes";
  // The server of the admin listener differs, so all of it stays.
  for (const auto& row :
       rows_of(conf::differences(conf::key_values(taken), conf::key_values(next))))
    EXPECT_TRUE(needs_restart(row) || row.starts_with("admin."))
        << row << " is called live, and stays";
  for (const auto& [key, word] : reference)
    EXPECT_TRUE(word != "restart" || differ.contains(key)) << key;
}

TEST(RestartKeys, TheAdminListenerStaysAsAWholeOrNotAtAll) {
  auto now = whole(false);
  auto next = now;
  next.admin->hosts = {"b.example"};
  EXPECT_EQ(until_restart(now, next).admin, next.admin);
  next.admin->listener.address = "127.0.0.1:5";
  EXPECT_EQ(until_restart(now, next).admin, now.admin);
}

TEST(RestartKeys, UpstreamsComeAndGoAtOnce) {
  const auto now = whole(false);
  auto next = now;
  next.upstreams[1].name = "c.example";
  next.upstreams[0].restricted = true;
  next.default_upstream = "c.example";
  const auto taken = until_restart(now, next);
  EXPECT_EQ(taken.upstreams, next.upstreams);
  EXPECT_EQ(taken.default_upstream, "c.example");
}

std::vector<std::string> told(const conf::Config& running, const conf::Config& next) {
  const auto answer = parse_restart_state(restart_state_json({restart_keys(running), {"/f"}}));
  std::vector<std::string> lines;
  if (!answer) return {"no answer"};
  EXPECT_THAT(answer->stale_files, ElementsAre("/f"));
  for (const auto& one : restart_differences(answer->keys, restart_keys(next)))
    lines.push_back(conf::text_of(one));
  return lines;
}

TEST(RestartKeys, TheAnswerOfAProcessTellsTheDifferences) {
  const auto running = whole(false);
  EXPECT_THAT(told(running, running), IsEmpty());
  auto next = running;
  next.threads.serve = 7;
  next.limits.connections = 7;
  next.upstreams.erase(next.upstreams.begin() + 1);
  EXPECT_THAT(told(running, next), ElementsAre("threads.serve: 1 -> 7"));
  next = running;
  next.admin.reset();
  EXPECT_THAT(told(running, next), ElementsAre("admin: present -> null"));
}

TEST(RestartKeys, EarlierVersionsTellNoFiles) {
  const auto answer = parse_restart_state(R"({"keys":[]})");
  ASSERT_TRUE(answer);
  EXPECT_THAT(answer->stale_files, IsEmpty());
}

TEST(RestartKeys, OtherAnswersAreNone) {
  for (const char* text : {"", "[]", "{}", R"({"keys":1})", R"({"keys":[1]})", R"({"keys":[{}]})",
                           R"({"keys":[{"key":1,"value":"x"}]})", "<html>"})
    EXPECT_FALSE(parse_restart_state(text)) << text;
}

}  // namespace
}  // namespace entrepot::app
