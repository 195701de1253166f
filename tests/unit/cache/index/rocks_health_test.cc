// SPDX-License-Identifier: Apache-2.0
#include "cache/index/rocks_health.h"

#include <gtest/gtest.h>
#include <rocksdb/status.h>

#include <atomic>
#include <cstdint>

namespace entrepot::cache {
namespace {

class RocksHealthTest : public testing::Test {
 protected:
  const rocksdb::Status no_space_ = rocksdb::Status::NoSpace();
  const rocksdb::Status io_error_ = rocksdb::Status::IOError("input/output error");

  std::atomic<std::uint64_t> errors_{0};
  bool has_space_ = false;
  int tests_ = 0;
  RocksHealth health_{metrics::Counter(&errors_), [this] {
                        ++tests_;
                        return has_space_;
                      }};
};

TEST_F(RocksHealthTest, AcceptsWritesAfterASuccess) {
  EXPECT_TRUE(health_.written(rocksdb::Status::OK()));
  EXPECT_TRUE(health_.accepts_writes());
  EXPECT_TRUE(health_.recover());
  EXPECT_EQ(tests_, 0);
  EXPECT_EQ(errors_, 0U);
}

TEST_F(RocksHealthTest, RefusesWritesUntilTheDiskHasSpaceAgain) {
  EXPECT_FALSE(health_.written(no_space_));
  EXPECT_TRUE(health_.healthy());
  EXPECT_FALSE(health_.accepts_writes());
  EXPECT_FALSE(health_.recover());
  EXPECT_FALSE(health_.accepts_writes());
  has_space_ = true;
  EXPECT_TRUE(health_.recover());
  EXPECT_TRUE(health_.accepts_writes());
  EXPECT_EQ(tests_, 2);
}

TEST_F(RocksHealthTest, OtherErrorsWhileTheDiskIsFullAreThoseOfTheFullDisk) {
  EXPECT_FALSE(health_.written(no_space_));
  EXPECT_FALSE(health_.written(io_error_));
  EXPECT_TRUE(health_.healthy());
  has_space_ = true;
  EXPECT_TRUE(health_.recover());
  EXPECT_TRUE(health_.accepts_writes());
  EXPECT_EQ(errors_, 2U);
}

TEST_F(RocksHealthTest, AnyOtherErrorIsPermanent) {
  has_space_ = true;
  EXPECT_FALSE(health_.written(io_error_));
  EXPECT_FALSE(health_.healthy());
  EXPECT_FALSE(health_.written(no_space_));
  EXPECT_TRUE(health_.recover());
  EXPECT_FALSE(health_.accepts_writes());
  EXPECT_EQ(tests_, 0);
}

TEST_F(RocksHealthTest, FailsPermanentlyWhileTheDiskIsFull) {
  EXPECT_FALSE(health_.written(no_space_));
  health_.fail_permanently();
  EXPECT_FALSE(health_.healthy());
  has_space_ = true;
  EXPECT_TRUE(health_.recover());
  EXPECT_FALSE(health_.accepts_writes());
  health_.fail_permanently();
  EXPECT_FALSE(health_.healthy());
}

}  // namespace
}  // namespace entrepot::cache
