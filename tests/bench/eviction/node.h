// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "tests/bench/eviction/trace.h"

namespace entrepot::bench {

/// A machine with a layer store of its own: it requests only the layers that it lacks.
class Node {
 public:
  /// Starts something that needs the layer. True if the node had to request it.
  bool pull(Object layer) {
    if (layer >= used_in_.size()) used_in_.resize(layer + 1);
    const bool had = used_in_[layer] >= kept_since_;
    used_in_[layer] = generation_;
    return !had;
  }
  /// The node runs out of disk and removes the layers that it has not used since the last time.
  void collect() { kept_since_ = generation_++; }
  /// Another machine takes its place, with an empty store.
  void lose() { kept_since_ = ++generation_; }

 private:
  std::vector<std::uint32_t> used_in_;  // by layer, the generation of its last use
  std::uint32_t generation_ = 1;
  std::uint32_t kept_since_ = 1;
};

}  // namespace entrepot::bench
