// SPDX-License-Identifier: Apache-2.0
// The files shipped in conf/.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "conf/load.h"

namespace entrepot::conf {
namespace {

using testing::IsEmpty;

Loaded shipped(const char* name) {
  return load(std::filesystem::path(ENTREPOT_CONF_DIR) / name, {});
}

TEST(ShippedFiles, AllAreTested) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(ENTREPOT_CONF_DIR))
    count += entry.path().extension() == ".json";
  EXPECT_EQ(count, 3);
}

TEST(ShippedFiles, EntrepotIsTheBuiltInConfiguration) {
  const auto loaded = shipped("entrepot.json");
  EXPECT_EQ(loaded.config, load(std::nullopt, {}).config);
  EXPECT_THAT(loaded.warnings, IsEmpty());
}

TEST(ShippedFiles, ChinaHasOneEndpointForEachUpstream) {
  const auto config = shipped("china.json").config;
  EXPECT_EQ(config.upstreams.size(), 6U);
  for (const auto& upstream : config.upstreams) {
    EXPECT_EQ(upstream.endpoints.size(), 1U) << upstream.name;
    EXPECT_EQ(upstream.endpoints[0].region, "cn") << upstream.name;
  }
  EXPECT_EQ(config.cache.directory, "/var/lib/entrepot");
}

TEST(ShippedFiles, NodeUsesOnlyTheMirrorOfTheSite) {
  const auto config = shipped("node.json").config;
  EXPECT_EQ(config.upstreams.size(), 6U);
  for (const auto& upstream : config.upstreams) {
    EXPECT_EQ(upstream.endpoints[0].url, "http://entrepot.example.internal:5000");
    EXPECT_TRUE(upstream.endpoints[0].ns) << upstream.name;
  }
}

}  // namespace
}  // namespace entrepot::conf
