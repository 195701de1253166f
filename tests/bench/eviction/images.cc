// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/eviction/images.h"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace entrepot::bench {
namespace {

constexpr std::size_t base_count = 60;

/// How large layers are: so many of them are at most so large, log-uniform in between.
struct Quantile {
  double share, size;
};
constexpr Quantile quantiles[] = {{0, 32},     {0.20, 1e3}, {0.45, 1e5},  {0.65, 1e6},
                                  {0.80, 1e7}, {0.95, 1e8}, {0.995, 6e8}, {1, 2e9}};

std::uint64_t layer_size(double point) {
  const auto* above = std::find_if(std::begin(quantiles) + 1, std::end(quantiles) - 1,
                                   [point](const Quantile& q) { return point < q.share; });
  const auto* below = above - 1;
  const double part = (point - below->share) / (above->share - below->share);
  return static_cast<std::uint64_t>(below->size * std::pow(above->size / below->size, part));
}

}  // namespace

Images::Images(Random& random) : random_(random) {
  std::vector<Layers> bases(base_count);
  for (auto& base : bases) {
    base.resize(1 + random_.below(6));
    for (auto& layer : base) layer = new_layer();
  }
  const Zipf popularity(base_count, 1.0);
  for (std::size_t i = 0; i < apps + tail; ++i) images_.push_back(new_image(bases, popularity));
}

Object Images::new_layer() {
  sizes_.push_back(layer_size(random_.uniform()));
  return static_cast<Object>(sizes_.size() - 1);
}

Images::Image Images::new_image(const std::vector<Layers>& bases, const Zipf& popularity) {
  Layers layers = bases[popularity.draw(random_)];
  const auto own = std::min<std::size_t>(2 + static_cast<std::size_t>(random_.exponential(5)), 30);
  for (std::size_t i = 0; i < own; ++i) layers.push_back(new_layer());
  return {std::move(layers), own};
}

void Images::release(std::size_t which) {
  Image& image = images_[which];
  const std::size_t replaced = std::min(1 + random_.below(3), image.own);
  for (auto layer = image.layers.end() - static_cast<std::ptrdiff_t>(replaced);
       layer != image.layers.end(); ++layer) {
    *layer = new_layer();
  }
}

}  // namespace entrepot::bench
