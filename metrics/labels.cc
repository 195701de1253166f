// SPDX-License-Identifier: Apache-2.0
#include "metrics/labels.h"

#include <array>
#include <cstddef>

namespace entrepot::metrics {
namespace {

constexpr std::array<std::string_view, kind_count> kind_words = {"blob",      "manifest", "tags",
                                                                 "referrers", "ping",     "other"};
constexpr std::array<std::string_view, outcome_count> outcome_words = {
    "hit", "miss", "joined", "stale", "revalidated", "bypass", "error", "refused", "tls"};

}  // namespace

std::string_view to_string(Kind kind) { return kind_words[static_cast<std::size_t>(kind)]; }

std::string_view to_string(Outcome outcome) {
  return outcome_words[static_cast<std::size_t>(outcome)];
}

}  // namespace entrepot::metrics
