// SPDX-License-Identifier: Apache-2.0
// Opening a cache directory.
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "cache/base/open_error.h"
#include "tests/unit/cache/cache_fixture.h"

namespace entrepot::cache {
namespace {

using OpenTest = CacheTest;

TEST_F(OpenTest, RefusesASecondProcess) {
  const auto open_again = [this] {
    Cache second(options, clock, metrics, executor, {{&executor, &source}});
  };
  EXPECT_THROW(open_again(), OpenLaterError);
}

TEST_F(OpenTest, RefusesAFileAndNamesIt) {
  options.directory = folder.path() / "file";
  std::ofstream(options.directory) << "x";
  try {
    open();
    FAIL() << "opened a file";
  } catch (const OpenError& error) {
    EXPECT_NE(std::string(error.what()).find(options.directory.string()), std::string::npos);
  }
}

TEST_F(OpenTest, RemovesUnusableFillFiles) {
  executor.run();
  cache.reset();
  std::ofstream(options.directory / "fills" / "sha256-left") << "x";
  open();
  EXPECT_TRUE(std::filesystem::is_empty(options.directory / "fills"));
}

}  // namespace
}  // namespace entrepot::cache
