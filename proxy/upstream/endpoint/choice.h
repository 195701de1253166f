// SPDX-License-Identifier: Apache-2.0
// The choice of the endpoint for a request. Pure: it depends on its arguments only. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "proxy/upstream/endpoint/endpoint_stats.h"

namespace entrepot::upstream {

/// An endpoint to choose from, in the order of the configuration, which decides while nothing is
/// known.
struct Candidate {
  Estimate estimate;
  bool open = true;           ///< its circuit admits a request
  bool excluded = false;      ///< it failed this request before
  bool low_on_quota = false;  ///< its rate limit leaves few requests of this kind
};

/// Bytes. For objects up to this size mainly the time to the first byte decides. Each of the two
/// sizes has an incumbent of its own.
inline constexpr std::uint64_t small_object = 256 * 1024;

struct Choice {
  std::size_t index = 0;
  bool explores = false;  ///< chosen to measure it, not because it is the best
};

/// The candidate with the least expected time to deliver `bytes`, from the first of these groups
/// that has one: working; low on quota; suspect; down; with an open circuit. The incumbent (the
/// last choice) stays unless another is clearly better. An unknown measure is assumed to equal the
/// best known one, and an old measure approaches it with its age: a slow endpoint is tried again
/// when it may have become the best. Bodies in transfer share the rate of their endpoint. A large
/// object is sometimes fetched from an endpoint of unknown or outdated rate to measure it, where
/// that costs little (Choice::explores). nullopt when all are excluded.
std::optional<Choice> choose(std::span<const Candidate> candidates, std::uint64_t bytes,
                             std::optional<std::size_t> incumbent);

/// Expected seconds until `candidate` has delivered `bytes`, by the same assumptions.
double expected_seconds(std::span<const Candidate> candidates, std::size_t candidate,
                        std::uint64_t bytes);

}  // namespace entrepot::upstream
