// SPDX-License-Identifier: Apache-2.0
// Which endpoint to ask. Pure: what it decides on comes in, nothing is remembered. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "proxy/upstream/endpoint/endpoint_stats.h"

namespace entrepot::upstream {

/// An endpoint that could be asked; their order is the configuration's, which decides where nothing
/// is known.
struct Candidate {
  Estimate estimate;
  bool open = true;           ///< its circuit lets a question through
  bool excluded = false;      ///< not for this question: it has failed it already
  bool low_on_quota = false;  ///< its rate limit leaves few questions of this kind
};

/// Objects of up to this size are chosen for by the time to their first byte alone, more or less;
/// each of the two sizes has an incumbent of its own.
inline constexpr std::uint64_t small_object = 256 * 1024;

struct Choice {
  std::size_t index = 0;
  bool explores = false;  ///< asked to measure it, not because it is the best
};

/// The candidate with the least expected time to bring `bytes`, among the best of these: those that
/// work; those that are scarce; those that are suspect; those that are down; those whose circuit is
/// open. The incumbent (who was asked last) stays unless another is clearly better. What is not
/// known is assumed to be as good as the best that is; and so is, more and more, what was measured
/// long ago: a slow endpoint is tried again when it could be the best by now. Bodies that are on
/// their way from an endpoint share what it can do. Where a large object's way there would not cost
/// much, one whose rate is not known, or was long ago, is asked now and then to measure it
/// (Choice::explores). nullopt when all are excluded.
std::optional<Choice> choose(std::span<const Candidate> candidates, std::uint64_t bytes,
                             std::optional<std::size_t> incumbent);

/// Expected seconds until `candidate` has brought `bytes`, by the same assumptions.
double expected_seconds(std::span<const Candidate> candidates, std::size_t candidate,
                        std::uint64_t bytes);

}  // namespace entrepot::upstream
