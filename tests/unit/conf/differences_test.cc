// SPDX-License-Identifier: Apache-2.0
#include "conf/differences.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "conf/load.h"

namespace entrepot::conf {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

class DifferencesTest : public testing::Test {
 protected:
  DifferencesTest() {
    now.upstreams.resize(2);
    now.upstreams[0].name = "docker.io";
    now.upstreams[0].endpoints = {{"https://a.example", "cn", false, {}}};
    now.upstreams[1].name = "quay.io";
    next = now;
  }

  std::vector<std::string> texts() const {
    std::vector<std::string> lines;
    for (const auto& one : differences(key_values(now), key_values(next)))
      lines.push_back(text_of(one));
    return lines;
  }

  Config now, next;
};

TEST_F(DifferencesTest, NoneBetweenEqualConfigurations) { EXPECT_THAT(texts(), IsEmpty()); }

TEST_F(DifferencesTest, AValueIsToldBeforeAndAfter) {
  next.limits.connections = 20000;
  next.cache.max_size = 3ULL << 39;
  next.timeouts.stall = 90s;
  next.log.access_file = "/var/log/access";
  EXPECT_THAT(texts(),
              ElementsAre("cache.max_size: 100GiB -> 1536GiB", "timeouts.stall: 20s -> 90s",
                          "limits.connections: 10000 -> 20000",
                          "log.access_file: null -> /var/log/access"));
}

TEST_F(DifferencesTest, AnEntryThatComesOrGoesIsOneLine) {
  next.upstreams[0].endpoints.push_back({"https://b.example", "eu", true, {{"me", "/f", "p"}}});
  next.upstreams[1].name = "ghcr.io";
  next.cache.pin = {"library/*"};
  EXPECT_THAT(texts(), ElementsAre("upstreams.docker.io.endpoints: https://b.example added",
                                   "upstreams: ghcr.io added", "cache.pin: library/* added",
                                   "upstreams: quay.io removed"));
}

TEST_F(DifferencesTest, AKeyOfAnEntryNamesIt) {
  next.upstreams[0].endpoints[0].region = "";
  EXPECT_THAT(texts(),
              ElementsAre("upstreams.docker.io.endpoints[https://a.example].region: cn -> \"\""));
}

TEST_F(DifferencesTest, AnotherOrderOfAList) {
  now.upstreams[0].endpoints.push_back({"https://b.example", "", false, {}});
  next = now;
  std::swap(next.upstreams[0].endpoints[0], next.upstreams[0].endpoints[1]);
  EXPECT_THAT(texts(), ElementsAre("upstreams.docker.io.endpoints: another order"));
}

TEST_F(DifferencesTest, TheOrderOfUpstreamsIsNone) {
  std::swap(next.upstreams[0], next.upstreams[1]);
  EXPECT_THAT(texts(), IsEmpty());
}

TEST_F(DifferencesTest, NoPasswordIsInALine) {
  now.upstreams[0].credentials = {{"me", "/file", "old-secret"}};
  next.upstreams[0].credentials = {{"me", "/file", "new-secret"}};
  EXPECT_THAT(texts(), ElementsAre("upstreams.docker.io.credentials[me].password: changed"));
}

TEST_F(DifferencesTest, EqualListenersOnAnyPortAreNoDifference) {
  now.listen = {{"127.0.0.1:0"}, {"127.0.0.1:0"}};
  now.listen[1].mode = 0600;
  next = now;
  EXPECT_THAT(texts(), IsEmpty());
}

TEST_F(DifferencesTest, RulesAreNamedByTheirText) {
  next.access.rules = {{{"user:a", "uid:5"}, {"docker.io/*"}, false}};
  next.access.groups["build"] = {"b"};
  EXPECT_THAT(texts(), ElementsAre("access: deny user:a, uid:5: docker.io/* added",
                                   "groups.build: b added"));
}

TEST_F(DifferencesTest, ALineIsPrintableAndBounded) {
  next.upstreams[0].endpoints[0].region = "x\n\x1b[31m" + std::string(10000, 'y');
  ASSERT_EQ(texts().size(), 1U);
  EXPECT_LT(texts()[0].size(), 500U);
  EXPECT_EQ(texts()[0].find_first_of("\n\x1b"), std::string::npos);
}

TEST(KeyValuesTest, SizesAndDurationsAreThoseOfAFile) {
  EXPECT_EQ(size_text(0), "0");
  EXPECT_EQ(size_text(1500), "1500");
  EXPECT_EQ(size_text(1536 << 10), "1536KiB");
  EXPECT_EQ(size_text(2ULL << 40), "2TiB");
  EXPECT_EQ(duration_text(0ms), "0s");
  EXPECT_EQ(duration_text(1500ms), "1500ms");
  EXPECT_EQ(duration_text(90s), "90s");
  EXPECT_EQ(duration_text(48h), "2d");
}

}  // namespace
}  // namespace entrepot::conf
