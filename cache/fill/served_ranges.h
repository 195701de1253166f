// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "cache/api/requester.h"
#include "cache/base/extents.h"

namespace entrepot::cache {

/// Which pieces of a blob clients were answered with, to see when they are asked for again. That
/// three clients ask for what others have had shows that the blob is wanted by several, and soon
/// all of it will be. That one client keeps asking shows no more than that it doubts what it got.
/// Its memory does not depend on what is asked for. One thread.
class ServedRanges {
 public:
  enum class Verdict : std::uint8_t {
    nothing,
    check,           ///< ask the upstream for these pieces again, and compare
    wanted_by_many,  ///< bring all of the blob
  };

  /// An answer to `client` (Requester::client) with these pieces.
  Verdict note(const std::vector<Span>& spans, Client client);

 private:
  Extents served_;
  /// Of clients that got only what had been served before: how often.
  std::unordered_map<Client, int> repeats_;
  int check_at_ = 3;  // repeats by one client
};

}  // namespace entrepot::cache
