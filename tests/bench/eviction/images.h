// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>
#include <vector>

#include "tests/bench/eviction/random.h"
#include "tests/bench/eviction/trace.h"
#include "tests/bench/eviction/zipf.h"

namespace entrepot::bench {

/// The images upstream: applications in use and a long tail that only scans request. Both stand on
/// shared bases and have layers of their own on top.
class Images {
 public:
  static constexpr std::size_t apps = 1500;
  static constexpr std::size_t tail = 6000;
  /// Lowest first.
  using Layers = std::vector<Object>;

  explicit Images(Random& random);
  const Layers& app(std::size_t which) const { return images_[which].layers; }
  const Layers& tail_image(std::size_t which) const { return images_[apps + which].layers; }
  /// Replaces the last one to three layers of an application's own.
  void release(std::size_t which);
  std::vector<std::uint64_t> sizes() && { return std::move(sizes_); }

 private:
  struct Image {
    Layers layers;
    std::size_t own;  ///< how many of them, at the end, are not the base's
  };

  Object new_layer();
  Image new_image(const std::vector<Layers>& bases, const Zipf& popularity);

  Random& random_;
  std::vector<std::uint64_t> sizes_;
  std::vector<Image> images_;
};

}  // namespace entrepot::bench
