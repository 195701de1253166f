// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <iterator>
#include <map>
#include <memory>
#include <random>

#include "cache/eviction.h"
#include "tests/unit/cache/sizes.h"

namespace entrepot::cache {
namespace {

/// The policy beside a model that knows only who is in and how large.
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
  /// Both classes, both sides of the limit, and nothing.
  std::uint64_t any_size() {
    constexpr std::uint64_t sizes[] = {0, 1, 1000, mib - 1, mib, mib + 1, 7 * mib, 60 * mib};
    return sizes[below(std::size(sizes))];
  }
  Resident* any() {
    if (in_.empty()) return nullptr;
    return std::next(in_.begin(), static_cast<std::ptrdiff_t>(below(in_.size())))->second.get();
  }
  void admit() {
    const std::uint64_t fingerprint = below(200);  // some come back
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
    const std::uint64_t held = below(4);  // a quarter of them, or all
    const auto may_leave = [held](const Resident& resident) {
      return held != 0 && resident.fingerprint % 4 != held;
    };
    bool somebody_may = false;
    for (const auto& [_, resident] : in_) somebody_may = somebody_may || may_leave(*resident);
    const auto* const victim = policy_.evict(below(500 * mib), may_leave);
    ASSERT_EQ(victim != nullptr, somebody_may);
    if (victim == nullptr) return;
    ASSERT_TRUE(may_leave(*victim));
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

TEST(EvictionPolicy, AgreesWithAModelWhateverHappens) {
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    PolicyAndModel both(seed);
    for (int i = 0; i < 3000 && !testing::Test::HasFatalFailure(); ++i) both.step();
  }
}

}  // namespace
}  // namespace entrepot::cache
