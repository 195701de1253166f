// SPDX-License-Identifier: Apache-2.0
#include "cache/base/strand.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "tests/unit/cache/cache_fixture.h"

namespace entrepot::cache {
namespace {

TEST(Strand, KeepsTheOrderOnAnUnorderedPool) {
  fakes::FakeClock clock;
  fakes::TimedExecutor pool(clock);
  std::string order;
  {
    Strand strand(pool);
    strand.post([&] {
      order += "1";
      strand.post([&] { order += "3"; });
    });
    strand.post([&] { order += "2"; });
    pool.run_one();  // one job of the pool runs all jobs of the strand
    EXPECT_EQ(order, "123");
    strand.post([&] { order += "4"; });
  }
  pool.run();
  EXPECT_EQ(order, "1234") << "queued jobs run after the strand is destroyed";
}

TEST(Strand, ContinuesAfterAJobThatThrows) {
  fakes::FakeClock clock;
  fakes::TimedExecutor pool(clock);
  Strand strand(pool);
  bool ran = false;
  strand.post([] { throw std::runtime_error("no bread"); });
  strand.post([&] { ran = true; });
  EXPECT_THROW(pool.run_one(), std::runtime_error);
  pool.run();
  EXPECT_TRUE(ran);
  ran = false;
  strand.post([&] { ran = true; });
  pool.run();
  EXPECT_TRUE(ran);
}

}  // namespace
}  // namespace entrepot::cache
