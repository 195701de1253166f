// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <iterator>
#include <map>
#include <memory>
#include <random>

#include "cache/index/eviction.h"
#include "tests/unit/cache/sizes.h"

namespace entrepot::cache {
namespace {

/// The policy beside a model that stores only the admitted objects and their sizes.
class PolicyAndModel {
 public:
  explicit PolicyAndModel(std::uint32_t seed) : random_(seed) {}

  void step() {
    switch (below(8)) {
      case 0:
      case 1:
      case 2:
        admit();
        break;
      case 3:
        if (auto* const resident = any()) leave(*resident);
        break;
      case 4:
        if (auto* const resident = any()) policy_.resize(*resident, any_size());
        break;
      case 5:
      case 6:
        if (auto* const resident = any()) resident->use();
        break;
      default:
        evict();
    }
    compare();
  }

 private:
  std::uint64_t below(std::uint64_t limit) { return random_() % limit; }
  /// Sizes of both classes, of both sides of the limit, and 0.
  std::uint64_t any_size() {
    constexpr std::uint64_t sizes[] = {0, 1, 1000, mib - 1, mib, mib + 1, 7 * mib, 60 * mib};
    return sizes[below(std::size(sizes))];
  }
  Resident* any() {
    if (in_.empty()) return nullptr;
    return std::next(in_.begin(), static_cast<std::ptrdiff_t>(below(in_.size())))->second.get();
  }
  void admit() {
    const std::uint64_t fingerprint = below(200);  // some return after eviction
    if (in_.contains(fingerprint)) return;
    auto& made = in_[fingerprint] = std::make_unique<Resident>();
    made->fingerprint = fingerprint;
    made->size = any_size();
    policy_.admit(*made);
  }
  void leave(Resident& resident) {
    policy_.remove(resident);
    in_.erase(resident.fingerprint);
  }
  void evict() {
    const std::uint64_t spared = below(4);  // a quarter of the objects is protected, or all
    const auto may_evict = [spared](const Resident& resident) {
      return spared != 0 && resident.fingerprint % 4 != spared;
    };
    bool evictable = false;
    for (const auto& [_, resident] : in_) evictable = evictable || may_evict(*resident);
    const auto* const victim = policy_.evict(below(500 * mib), may_evict);
    ASSERT_EQ(victim != nullptr, evictable);
    if (victim == nullptr) return;
    ASSERT_TRUE(may_evict(*victim));
    const auto found = in_.find(victim->fingerprint);
    ASSERT_TRUE(found != in_.end() && found->second.get() == victim);
    in_.erase(found);
  }
  void compare() {
    std::uint64_t bytes = 0;
    for (const auto& [_, resident] : in_) bytes += resident->size;
    ASSERT_EQ(policy_.bytes(), bytes);
    ASSERT_EQ(policy_.count(), in_.size());
  }

  std::mt19937 random_;
  EvictionPolicy policy_;
  std::map<std::uint64_t, std::unique_ptr<Resident>> in_;
};

TEST(EvictionPolicy, AgreesWithAModelUnderRandomOperations) {
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    PolicyAndModel both(seed);
    for (int i = 0; i < 3000 && !testing::Test::HasFatalFailure(); ++i) both.step();
  }
}

}  // namespace
}  // namespace entrepot::cache
