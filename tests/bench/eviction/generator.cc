// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/eviction/generator.h"

#include <utility>

namespace entrepot::bench {
namespace {

constexpr std::size_t node_count = 60;
/// The largest share of the nodes that start a new version at the same time.
constexpr double burst_share = 0.3;

}  // namespace

Generator::Generator(const Scenario& scenario, std::uint64_t seed)
    : scenario_(scenario),
      random_(seed),
      images_(random_),
      demand_(Images::apps, scenario.alpha),
      nodes_(node_count) {}

Trace Generator::run() {
  for (std::size_t i = 0; i < scenario_.events; ++i) event();
  trace_.sizes = std::move(images_).sizes();
  return std::move(trace_);
}

void Generator::event() {
  double point = random_.uniform();
  const auto is = [&point](double share) { return (point -= share) < 0; };
  if (is(scenario_.ci)) {
    pull_whole(images_.app(demand_.draw(random_)));
  } else if (is(scenario_.scan)) {
    pull_whole(images_.tail_image(random_.below(Images::tail)));
  } else if (is(scenario_.release)) {
    release();
  } else if (is(scenario_.collection)) {
    any_node().collect();
  } else if (is(scenario_.node_loss)) {
    any_node().lose();
  } else {
    Node& node = any_node();
    pull_on(node, images_.app(demand_.draw(random_)));
  }
}

void Generator::release() {
  const std::size_t app = demand_.draw(random_);
  images_.release(app);
  const auto most = static_cast<std::size_t>(burst_share * node_count);
  const std::size_t burst = 1 + random_.below(most);
  // Some node may be drawn twice; it then has the image already and requests nothing.
  for (std::size_t i = 0; i < burst; ++i) pull_on(any_node(), images_.app(app));
}

void Generator::pull_whole(const Images::Layers& layers) {
  trace_.requests.insert(trace_.requests.end(), layers.begin(), layers.end());
}

void Generator::pull_on(Node& node, const Images::Layers& layers) {
  for (const Object layer : layers) {
    if (node.pull(layer)) trace_.requests.push_back(layer);
  }
}

}  // namespace entrepot::bench
