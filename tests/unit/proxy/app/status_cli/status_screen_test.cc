// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/status_cli/status_screen.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

namespace entrepot::app {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;
using Json = nlohmann::ordered_json;

constexpr const char* example = R"({
  "well": false,
  "problems": [{"gravity": "fault", "what": "docker.io: a.example", "text": "does not answer",
                "since_seconds": 300}],
  "version": "1.2.3", "commit": "abc", "uptime_seconds": 7200,
  "listeners": ["127.0.0.1:5000", "unix:/run/mirror"], "admin": "127.0.0.1:5080",
  "upstreams": [{"name": "docker.io", "endpoints": [
    {"endpoint": "a.example", "state": "down",
     "last_error": {"reason": "connect", "text": "Connection refused", "since_seconds": 300,
                    "seconds_ago": 3, "over": false}},
    {"endpoint": "b.example", "state": "working",
     "last_error": {"reason": "tls", "text": "expired", "since_seconds": 900, "seconds_ago": 600,
                    "over": true}}]}],
  "last_hour": {"seconds": 3600, "requests": 200, "hits": 150, "errors": 2,
                "served_bytes": 3145728, "fetched_bytes": 1048576, "saved_bytes": 2097152},
  "last_request": {"seconds_ago": 12, "engine": "containerd", "network": "local"},
  "disk": {"used_bytes": 1024, "max_bytes": 4096, "free_bytes": 2048, "reserve_bytes": 512},
  "running": {"connections": 3, "flights": 2.0, "fills": 9, "transfers": 4, "queued": 1,
              "oldest_transfer_seconds": 12.7},
  "log": [{"level": "error", "text": "cache: write of x failed", "times": 3, "seconds_ago": 8},
          {"level": "warn", "text": "docker.io: a.example does not answer", "times": 1,
           "seconds_ago": 300}]})";

std::string screen(const Json& status) {
  std::ostringstream out;
  print_status(out, status);
  return out.str();
}

TEST(StatusScreen, HasAllOfIt) {
  EXPECT_EQ(screen(Json::parse(example)),
            R"(not well:
  fault: docker.io: a.example: does not answer (for 5 min)

UPSTREAM   ENDPOINT   STATE    LAST ERROR
docker.io  a.example  down     connect: Connection refused (for 5 min, last 3 s ago)
docker.io  b.example  working  tls: expired (over; 10 min ago)

latest warnings and errors of the log:
  8 s ago  error: cache: write of x failed (3 times)
  5 min ago  warn: docker.io: a.example does not answer

last hour   200 requests, 150 hits (75 %), 2 errors; served 3.0 MiB, fetched 1.0 MiB, saved 2.0 MiB
clients     last request 12 s ago (engine containerd, network local)
disk        1.0 KiB of 4.0 KiB (25 %); 2.0 KiB free, of which 512 B are kept free
running     3 connections, 2 flights, 4 requests upstream (the oldest for 12 s), 1 queued
listening   on 127.0.0.1:5000, unix:/run/mirror; admin on 127.0.0.1:5080
version     1.2.3 (abc), up for 2 h
)");
}

TEST(StatusScreen, AllIsWell) {
  auto status = Json::parse(example);
  status["well"] = true;
  status["problems"] = Json::array();
  status["last_hour"]["seconds"] = 90;
  status["upstreams"][0]["endpoints"][0]["last_error"] = nullptr;
  EXPECT_THAT(screen(status), StartsWith("well\n\nUPSTREAM"));
  status["last_request"] = nullptr;
  EXPECT_THAT(screen(status), HasSubstr("\nclients     none has asked for content"));
  EXPECT_THAT(screen(status), HasSubstr("\nlast 90 s:  200 requests"));
  EXPECT_THAT(screen(status), HasSubstr("a.example  down     -\n"));
}

TEST(StatusScreen, WarningsDoNotMakeItUnwell) {
  auto status = Json::parse(example);
  status["well"] = true;
  status["problems"][0]["gravity"] = "warning";
  EXPECT_THAT(screen(status), StartsWith("well:\n  warning: docker.io: a.example"));
}

TEST(StatusScreen, KnowsWhatIsNoStatus) {
  for (const char* text : {"null", "[]", "3", R"("well")", "{}", R"({"well":1})"})
    EXPECT_EQ(is_well(Json::parse(text)), std::nullopt) << text;
  EXPECT_EQ(is_well(Json(Json::value_t::discarded)), std::nullopt);
  EXPECT_EQ(is_well(Json::parse(R"({"well":true})")), true);
}

/// A process of another version, or one that lies.
TEST(StatusScreen, TakesMembersThatAreMissingOrOdd) {
  EXPECT_THAT(screen(Json::parse(R"({"well":true})")), StartsWith("well\n"));
  const Json whole = Json::parse(example);
  const std::vector<Json> odd = {
      nullptr, "text", -5, 1e300, Json::array({1, "a"}), Json::object({{"a", 1}})};
  const Json flat = whole.flatten();
  for (const auto& [key, value] : flat.items()) {
    for (const auto& other : odd) {
      auto changed = whole;
      changed[Json::json_pointer(key)] = other;
      if (is_well(changed)) screen(changed);
    }
  }
  for (const char* key :
       {"problems", "upstreams", "listeners", "last_hour", "last_request", "disk", "running"}) {
    for (const auto& other : odd) {
      auto changed = whole;
      changed[key] = other;
      screen(changed);
    }
  }
}

TEST(StatusScreen, NothingActsOnTheTerminal) {
  auto status = Json::parse(example);
  status["problems"][0]["text"] = "\x1b[31m";
  status["upstreams"][0]["endpoints"][0]["endpoint"] = "\x1b]0;";
  status["upstreams"][0]["endpoints"][0]["last_error"]["text"] = "a\nb\x07";
  status["listeners"][0] = "\x1b";
  const auto text = screen(status);
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
  EXPECT_THAT(text, Not(HasSubstr("\x07")));
  EXPECT_THAT(text, HasSubstr("a\\x0ab"));
}

}  // namespace
}  // namespace entrepot::app
