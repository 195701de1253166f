// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "tests/unit/cache/cache_fixture.h"

namespace entrepot::cache {

/// A cache with the restricted upstreams `private` and `secret`, and others.
class OriginsTest : public CacheTest {
 protected:
  OriginsTest() {
    options.upstreams["secret"].restricted = true;
    open();
  }
  void store(const std::string& bytes, RepositoryRef repository) {
    ask_blob(sha256(bytes), repository);
    last().answer(bytes);
    executor.run();
  }
  void store_manifest(const std::string& bytes, RepositoryRef repository) {
    ask_manifest(sha256(bytes), repository);
    last().answer(bytes, oci_manifest_type);
    executor.run();
  }
  /// The blob is requested from its upstream, and served with the upstream's bytes.
  void expect_fetched(const std::string& bytes, RepositoryRef repository) {
    const auto before = source.asked.size();
    const auto asker = ask_blob(sha256(bytes), repository);
    ASSERT_EQ(source.asked.size(), before + 1);
    EXPECT_FALSE(asker.answered());
    EXPECT_FALSE(last().request.head);
    EXPECT_EQ(last().request.upstream, repository.upstream);
    EXPECT_EQ(last().request.offset, 0U);
    last().answer(bytes);
    executor.run();
    EXPECT_EQ(read(*asker.answer().content), bytes);
  }
  void expect_hit(const std::string& bytes, RepositoryRef repository) {
    const auto before = source.asked.size();
    EXPECT_EQ(read(*ask_blob(sha256(bytes), repository).answer().content), bytes);
    EXPECT_EQ(source.asked.size(), before);
  }

  const std::string small = pattern(1000), middle = pattern(100'000), large = pattern(300'000);
  static constexpr RepositoryRef team{"private", "team/app"};
  static constexpr RepositoryRef stranger{"docker.io", "stranger/app"};
  static constexpr RepositoryRef third{"secret", "third/app"};
};

}  // namespace entrepot::cache
