// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "tests/bench/eviction/images.h"
#include "tests/bench/eviction/node.h"
#include "tests/bench/eviction/random.h"
#include "tests/bench/eviction/trace.h"
#include "tests/bench/eviction/zipf.h"

namespace entrepot::bench {

/// The rates of events in the modelled company. Shares are of the events; the rest are applications
/// started on some node.
struct Scenario {
  const char* name = "base";
  double alpha = 0.9;        ///< how uneven applications are in demand
  double ci = 0.25;          ///< pulls by machines that keep nothing
  double scan = 0.05;        ///< pulls of any image of the tail, by a scanner that reads it once
  double release = 0.04;     ///< a new version, and a burst of nodes that start it
  double collection = 0.02;  ///< a node frees its disk
  double node_loss = 0.002;  ///< a node is replaced
  std::size_t events = 65'000;
};

/// Plays the events of a scenario and records the requests that reach the mirror.
class Generator {
 public:
  Generator(const Scenario& scenario, std::uint64_t seed);
  Trace run();

 private:
  void event();
  void release();
  void pull_whole(const Images::Layers& layers);
  void pull_on(Node& node, const Images::Layers& layers);
  Node& any_node() { return nodes_[random_.below(nodes_.size())]; }

  const Scenario scenario_;
  Random random_;
  Images images_;
  const Zipf demand_;
  std::vector<Node> nodes_;
  Trace trace_;
};

}  // namespace entrepot::bench
