// SPDX-License-Identifier: Apache-2.0
#include "cache/index/eviction.h"

#include <gtest/gtest.h>

#include <deque>
#include <set>
#include <vector>

#include "tests/unit/cache/sizes.h"

namespace entrepot::cache {
namespace {

bool any(const Resident&) { return true; }
bool none(const Resident&) { return false; }

/// Objects with ascending fingerprints and stable addresses.
class Objects {
 public:
  Resident& make(std::uint64_t size) { return make(size, all_.size() + 1); }
  Resident& make(std::uint64_t size, std::uint64_t fingerprint) {
    Resident& made = all_.emplace_back();
    made.fingerprint = fingerprint;
    made.size = size;
    return made;
  }

 private:
  std::deque<Resident> all_;
};

/// One class with room for a hundred objects of size 1, of which ten may be on probation.
class OneClass : public testing::Test {
 protected:
  static constexpr std::uint64_t capacity = 100;

  Resident& admit(std::uint64_t fingerprint = 0) {
    Resident& made = fingerprint == 0 ? objects_.make(1) : objects_.make(1, fingerprint);
    queue_.admit(made);
    return made;
  }
  /// Admits an object and uses it while it is on probation.
  Resident& admit_used(int uses) {
    Resident& made = admit();
    for (int i = 0; i < uses; ++i) made.use();
    return made;
  }
  Resident* evict(const MayEvict& may_evict = any) { return queue_.evict(capacity, may_evict); }
  /// Admits unused objects, each of which evicts others for its space. Returns the victims.
  std::set<const Resident*> scan(int count) {
    std::set<const Resident*> left;
    for (int i = 0; i < count; ++i) {
      while (queue_.bytes() >= capacity) left.insert(evict());
      admit();
    }
    return left;
  }
  /// Evicts everything; returns the order.
  std::vector<const Resident*> drain() {
    std::vector<const Resident*> order;
    while (const Resident* const victim = evict()) order.push_back(victim);
    return order;
  }

  Objects objects_;
  S3Fifo queue_;
};

TEST_F(OneClass, ScanEvictsProbationOnly) {
  std::vector<const Resident*> used;
  for (int i = 0; i < 80; ++i) used.push_back(&admit_used(2));
  const auto left = scan(1000);
  for (const auto* resident : used) EXPECT_FALSE(left.contains(resident));
  EXPECT_EQ(queue_.count(), capacity);
}

TEST_F(OneClass, PromotesAfterTwoUsesNotAfterOne) {
  const auto& twice = admit_used(2);
  const auto& once = admit_used(1);
  const auto left = scan(200);
  EXPECT_TRUE(left.contains(&once));
  EXPECT_FALSE(left.contains(&twice));
}

TEST_F(OneClass, ReturningObjectSkipsProbation) {
  const std::uint64_t fingerprint = 1'000'000;
  const auto& first = admit(fingerprint);
  EXPECT_TRUE(scan(100).contains(&first));
  const auto& again = admit(fingerprint);
  EXPECT_FALSE(scan(500).contains(&again));
}

TEST_F(OneClass, ForgetsObjectsThatReturnTooLate) {
  const std::uint64_t fingerprint = 1'000'000;
  admit(fingerprint);
  scan(300);  // more than the ghosts can cover
  const auto& again = admit(fingerprint);
  EXPECT_TRUE(scan(200).contains(&again));
}

TEST_F(OneClass, EvictsMainQueueByAgeAndUses) {
  auto& first = admit_used(2);
  auto& second = admit_used(2);
  auto& third = admit_used(2);
  for (int i = 0; i < 20; ++i) admit();
  ASSERT_NE(evict(), nullptr);  // the three are in the main queue now, and their use counts are 0
  first.use();
  second.use();
  second.use();
  std::vector<const Resident*> order;
  for (const auto* const victim : drain()) {
    if (victim == &first || victim == &second || victim == &third) order.push_back(victim);
  }
  EXPECT_EQ(order, (std::vector<const Resident*>{&third, &first, &second}));
}

TEST_F(OneClass, UseCountSaturates) {
  auto& much_used = admit_used(1000);
  EXPECT_EQ(much_used.uses, Resident::max_uses);
}

TEST_F(OneClass, SparesProtectedObjects) {
  std::set<const Resident*> spared;
  for (int i = 0; i < 60; ++i) {
    const auto& resident = admit_used(i % 4);
    if (i % 3 == 0) spared.insert(&resident);
  }
  const auto free = [&spared](const Resident& resident) { return !spared.contains(&resident); };
  for (int i = 0; i < 40; ++i) {
    const auto* const victim = evict(free);
    ASSERT_NE(victim, nullptr);
    EXPECT_FALSE(spared.contains(victim));
  }
  EXPECT_EQ(evict(free), nullptr);
  EXPECT_EQ(queue_.count(), spared.size());
  EXPECT_NE(evict(), nullptr);  // no longer protected
}

TEST_F(OneClass, EvictsNothingIfAllAreProtected) {
  EXPECT_EQ(evict(), nullptr);
  for (int i = 0; i < 30; ++i) admit_used(3);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(evict(none), nullptr);
  EXPECT_EQ(queue_.count(), 30U);
  EXPECT_EQ(queue_.bytes(), 30U);
}

TEST_F(OneClass, EvictsEvenIfAllWerePromoted) {
  // Fewer than the capacity of probation, so that probation is visited last.
  for (int i = 0; i < 5; ++i) admit_used(3);
  EXPECT_EQ(drain().size(), 5U);
}

TEST_F(OneClass, RemovesFromTheMiddleAndTheEnds) {
  std::vector<Resident*> all;
  for (int i = 0; i < 5; ++i) all.push_back(&admit());
  for (const int evicted : {2, 0, 4}) queue_.remove(*all[static_cast<std::size_t>(evicted)]);
  EXPECT_EQ(queue_.count(), 2U);
  EXPECT_EQ(queue_.bytes(), 2U);
  queue_.admit(*all[2]);  // may be admitted again
  EXPECT_EQ(drain(), (std::vector<const Resident*>{all[1], all[3], all[2]}));
  EXPECT_EQ(queue_.bytes(), 0U);
}

TEST(EvictionPolicy, ResizesWithinAClass) {
  Objects objects;
  EvictionPolicy policy;
  auto& resident = objects.make(10 * mib);
  policy.admit(resident);
  policy.resize(resident, 20 * mib);
  EXPECT_EQ(policy.bytes(), 20 * mib);
  policy.resize(resident, 5 * mib);
  EXPECT_EQ(policy.bytes(), 5 * mib);
  policy.remove(resident);
  EXPECT_EQ(policy.bytes(), 0U);
}

TEST(EvictionPolicy, ResizesAcrossClasses) {
  Objects objects;
  EvictionPolicy policy;
  auto& resident = objects.make(100);
  auto& other = objects.make(100);
  policy.admit(resident);
  policy.admit(other);
  policy.resize(resident, 20 * mib);
  EXPECT_EQ(policy.bytes(), 20 * mib + 100);
  EXPECT_EQ(policy.count(), 2U);
  policy.resize(resident, 50);
  EXPECT_EQ(policy.bytes(), 150U);
  EXPECT_EQ(policy.count(), 2U);
  policy.remove(resident);
  policy.remove(other);
  EXPECT_EQ(policy.bytes(), 0U);
  EXPECT_EQ(policy.count(), 0U);
}

/// Number of small objects among the victims of `count` evictions.
int small_victims(EvictionPolicy& policy, std::uint64_t capacity, int count) {
  int small = 0;
  for (int i = 0; i < count; ++i) {
    const auto* const victim = policy.evict(capacity, any);
    if (victim != nullptr && victim->size <= EvictionPolicy::small_limit) ++small;
  }
  return small;
}

// Size of the cache, and the share of small objects in MiB.
constexpr std::uint64_t capacity = 1000 * mib;
constexpr int share = static_cast<int>(1000 * EvictionPolicy::small_share);

TEST(EvictionPolicy, SparesSmallObjectsWithinTheirShare) {
  Objects objects;
  EvictionPolicy policy;
  for (int i = 0; i < share; ++i) policy.admit(objects.make(mib));
  for (int i = 0; i < 90; ++i) policy.admit(objects.make(10 * mib));
  EXPECT_EQ(small_victims(policy, capacity, 90), 0);
  EXPECT_EQ(small_victims(policy, capacity, share), share);
  EXPECT_EQ(policy.evict(capacity, any), nullptr);
}

TEST(EvictionPolicy, EvictsSmallObjectsAboveTheirShareFirst) {
  Objects objects;
  EvictionPolicy policy;
  for (int i = 0; i < share + 20; ++i) policy.admit(objects.make(mib));
  for (int i = 0; i < 10; ++i) policy.admit(objects.make(10 * mib));
  EXPECT_EQ(small_victims(policy, capacity, 20), 20);
  EXPECT_EQ(small_victims(policy, capacity, 10), 0);
}

TEST(EvictionPolicy, EvictsOnlyProbationOnRequest) {
  Objects objects;
  EvictionPolicy policy;
  for (int i = 0; i < 5; ++i) policy.restore(objects.make(i % 2 == 0 ? mib : 10 * mib));
  auto& used = objects.make(mib);
  auto& small = objects.make(mib);
  auto& large = objects.make(10 * mib);
  for (auto* const added : {&used, &small, &large}) policy.admit(*added);
  used.use();
  used.use();
  EXPECT_EQ(policy.evict(capacity, any, Candidates::probation), &large);
  EXPECT_EQ(policy.evict(capacity, any, Candidates::probation), &small);
  EXPECT_EQ(policy.evict(capacity, any, Candidates::probation), nullptr);
  EXPECT_EQ(policy.count(), 6U) << "the protected ones are still admitted";
}

TEST(EvictionPolicy, EvictsFromTheClassThatIsNotProtected) {
  Objects objects;
  EvictionPolicy policy;
  auto& small = objects.make(1);
  auto& large = objects.make(2 * mib);
  policy.admit(small);
  policy.admit(large);
  const auto only_small = [&small](const Resident& resident) { return &resident == &small; };
  EXPECT_EQ(policy.evict(100 * mib, only_small), &small);
  EXPECT_EQ(policy.evict(100 * mib, only_small), nullptr);
  policy.admit(small);
  const auto only_large = [&large](const Resident& resident) { return &resident == &large; };
  EXPECT_EQ(policy.evict(0, only_large), &large);  // the small one exceeds its share of 0
}

}  // namespace
}  // namespace entrepot::cache
