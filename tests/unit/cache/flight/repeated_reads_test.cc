// SPDX-License-Identifier: Apache-2.0
#include "cache/flight/repeated_reads.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/cache/cache_fixture.h"

namespace entrepot::cache {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

class RepeatedReadsTest : public testing::Test {
 protected:
  const Client one{1}, other{2}, third{3};
  const Digest blob = sha256("a layer"), another = sha256("another layer");
  const SteadyTime start{hours(50)};
  RepeatedReads reads;
};

TEST_F(RepeatedReadsTest, SuspectsABlobThatAClientRequestsAgainSoon) {
  EXPECT_FALSE(reads.suspicious(one, blob, start)) << "it has not received it";
  reads.delivered(one, blob, false, start);
  EXPECT_FALSE(reads.suspicious(other, blob, start + seconds(1)));
  EXPECT_FALSE(reads.suspicious(one, another, start + seconds(1)));
  EXPECT_TRUE(reads.suspicious(one, blob, start + minutes(10) - seconds(1)));
}

TEST_F(RepeatedReadsTest, ComparesOnceInTenMinutes) {
  reads.delivered(one, blob, false, start);
  reads.delivered(other, blob, false, start);
  EXPECT_TRUE(reads.suspicious(one, blob, start + minutes(1)));
  EXPECT_FALSE(reads.suspicious(one, blob, start + minutes(2)));
  EXPECT_FALSE(reads.suspicious(other, blob, start + minutes(2)));
  reads.delivered(one, blob, false, start + minutes(9));
  EXPECT_TRUE(reads.suspicious(one, blob, start + minutes(11)));
}

TEST_F(RepeatedReadsTest, SuspectsABlobAtTheSecondRequestThatComesLater) {
  for (const Client client : {one, other, third}) reads.delivered(client, blob, false, start);
  EXPECT_FALSE(reads.suspicious(one, blob, start + minutes(10)));
  EXPECT_TRUE(reads.suspicious(other, blob, start + hours(1)));
  EXPECT_FALSE(reads.suspicious(third, blob, start + hours(2))) << "compared an hour ago";
  EXPECT_TRUE(reads.suspicious(third, blob, start + hours(7)));
}

TEST_F(RepeatedReadsTest, TakesABodyThatWasVerifiedMeanwhileForCompared) {
  reads.delivered(one, blob, true, start);
  EXPECT_FALSE(reads.suspicious(one, blob, start + minutes(9))) << "another node at this address";
  reads.delivered(one, blob, false, start + minutes(9));
  EXPECT_TRUE(reads.suspicious(one, blob, start + minutes(11)));
}

TEST_F(RepeatedReadsTest, ComparesEachOfManyBlobsOnce) {
  std::vector<Digest> blobs;
  for (int i = 0; i < 2000; ++i) blobs.push_back(sha256(std::to_string(i)));
  int compared = 0;
  for (int round = 0; round < 3; ++round) {
    for (const Digest& one_blob : blobs) {
      if (round > 0) compared += reads.suspicious(one, one_blob, start + minutes(round)) ? 1 : 0;
      reads.delivered(one, one_blob, false, start + minutes(round));
    }
  }
  EXPECT_LE(compared, 2000);
  EXPECT_GE(compared, 1600) << "some deliveries share a slot";
}

TEST_F(RepeatedReadsTest, ForgetsADeliveryAfterADay) {
  for (const Client client : {one, other}) reads.delivered(client, blob, false, start);
  EXPECT_FALSE(reads.suspicious(one, blob, start + hours(24)));
  EXPECT_FALSE(reads.suspicious(other, blob, start + hours(24)));
}

}  // namespace
}  // namespace entrepot::cache
