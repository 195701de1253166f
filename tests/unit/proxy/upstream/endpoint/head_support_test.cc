// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/endpoint/head_support.h"

#include <gtest/gtest.h>

#include <set>

namespace entrepot::upstream {
namespace {

using cache::Resource;

TEST(MayRefuseHead, IsAnyRefusalThatIsNotAboutTheMoment) {
  const std::set<int> of_the_moment = {408, 425, 429};
  for (int status = 100; status < 600; ++status)
    for (const Resource resource : {Resource::blob, Resource::manifest}) {
      const bool refuses = status == 501 || (status / 100 == 4 && !of_the_moment.contains(status) &&
                                             (status != 401 || resource == Resource::blob));
      EXPECT_EQ(may_refuse_head(resource, status), refuses) << status;
    }
}

TEST(HeadSupport, IsKnownForEachKindForAnHour) {
  const HeadSupport::Time now{std::chrono::hours(100)};
  HeadSupport heads;
  EXPECT_FALSE(heads.refused(Resource::blob, now));
  heads.refuses(Resource::blob, now);
  EXPECT_TRUE(heads.refused(Resource::blob, now + std::chrono::minutes(59)));
  EXPECT_FALSE(heads.refused(Resource::manifest, now));
  EXPECT_FALSE(heads.refused(Resource::blob, now + std::chrono::hours(1)));
}

}  // namespace
}  // namespace entrepot::upstream
