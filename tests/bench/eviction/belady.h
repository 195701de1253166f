// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <set>
#include <utility>
#include <vector>

#include "tests/bench/eviction/policy.h"

namespace entrepot::bench {

/// Knows the future: whoever is needed again last leaves, and nobody leaves for what is needed even
/// later. With objects of different sizes this is no longer the optimum but close to it for bytes;
/// for requests, the distance is weighed with the size.
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
  /// Of about equal size, by the next use. The score changes with time, but inside such a group not
  /// its order, so the worst of all is the last of some group.
  using Group = std::set<std::pair<std::uint32_t, Object>>;

  Group& group_of(Object object);
  double score(std::size_t at, std::uint32_t next_use, Object object) const;
  /// The group whose last is the worst; null where nothing is kept.
  Group* worst(std::size_t at);

  const Trace& trace_;
  const Favours favours_;
  const std::vector<std::uint32_t> next_uses_;  // by request
  std::vector<std::uint32_t> next_use_;         // by object that is kept
  std::map<int, Group> groups_;
};

}  // namespace entrepot::bench
