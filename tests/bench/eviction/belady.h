// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <set>
#include <utility>
#include <vector>

#include "tests/bench/eviction/policy.h"

namespace entrepot::bench {

/// Knows the future: evicts the object whose next use is the latest, and evicts none for an object
/// that is needed later still. With objects of different sizes this is no longer the optimum but
/// close to it for bytes; for requests, the distance is weighed with the size.
class Belady : public Policy {
 public:
  enum class Favours { requests, bytes };
  Belady(const Trace& trace, Favours favours)
      : trace_(trace),
        favours_(favours),
        next_uses_(trace.next_uses()),
        next_use_(trace.sizes.size()) {}

  void use(std::size_t at, Object object) override;
  bool displaces(std::size_t at, Object object) override;
  void admit(std::size_t at, Object object) override;
  Object evict(std::size_t at) override;

 private:
  /// Objects of about equal size, sorted by the next use. The score changes with time, but inside
  /// such a group not its order, so the worst of all objects is the last of some group.
  using Group = std::set<std::pair<std::uint32_t, Object>>;

  Group& group_of(Object object);
  double score(std::size_t at, std::uint32_t next_use, Object object) const;
  /// The group whose last is the worst; null if no object is kept.
  Group* worst(std::size_t at);

  const Trace& trace_;
  const Favours favours_;
  const std::vector<std::uint32_t> next_uses_;  // by request
  std::vector<std::uint32_t> next_use_;         // by object that is kept
  std::map<int, Group> groups_;
};

}  // namespace entrepot::bench
