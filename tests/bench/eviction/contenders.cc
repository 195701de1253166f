// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/eviction/contenders.h"

#include "tests/bench/eviction/belady.h"
#include "tests/bench/eviction/gdsf.h"
#include "tests/bench/eviction/production.h"
#include "tests/bench/eviction/queue.h"
#include "tests/bench/eviction/sieve.h"

namespace entrepot::bench {
namespace {

using Kind = Contender::Kind;
using Made = std::unique_ptr<Policy>;

template <Queue::Order order>
Made queue(const Trace& trace, std::uint64_t) {
  return std::make_unique<Queue>(trace, order);
}

Made sieve(const Trace& trace, std::uint64_t) { return std::make_unique<Sieve>(trace); }

template <Gdsf::Cost cost>
Made gdsf(const Trace& trace, std::uint64_t) {
  return std::make_unique<Gdsf>(trace, cost);
}

template <typename Eviction>
Made ours(const Trace& trace, std::uint64_t capacity) {
  return std::make_unique<Production<Eviction>>(trace, capacity);
}

template <Belady::Favours favours>
Made belady(const Trace& trace, std::uint64_t) {
  return std::make_unique<Belady>(trace, favours);
}

}  // namespace

const Contender fifo{"FIFO", "#9a9a9a", Kind::other, queue<Queue::Order::arrival>};
const Contender lru{"LRU", "#0072b2", Kind::other, queue<Queue::Order::use>};
const Contender production{"Entrepot", "#d00000", Kind::ours, ours<cache::EvictionPolicy>};

const std::vector<Contender>& contenders() {
  static const std::vector<Contender> all = {
      fifo,
      lru,
      {"SIEVE", "#009e73", Kind::other, sieve},
      {"S3-FIFO, one class", "#e69f00", Kind::other, ours<cache::S3Fifo>},
      {"GDSF, cost 1", "#cc79a7", Kind::other, gdsf<Gdsf::Cost::one>},
      {"GDSF, cost = wait", "#7b3294", Kind::other, gdsf<Gdsf::Cost::wait>},
      production,
      {"offline, for requests", "#222222", Kind::offline, belady<Belady::Favours::requests>},
      {"offline, for bytes", "#8c510a", Kind::offline, belady<Belady::Favours::bytes>},
  };
  return all;
}

Score play(const Contender& contender, const Trace& trace, double share) {
  const auto capacity = static_cast<std::uint64_t>(share * static_cast<double>(trace.footprint()));
  const auto policy = contender.make(trace, capacity);
  return simulate(trace, capacity, *policy);
}

}  // namespace entrepot::bench
