// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "cache/base/client.h"
#include "cache/base/extents.h"

namespace entrepot::cache {

/// The ranges of a blob that clients were answered with, to see when they are requested again. If
/// three clients request ranges that others have had, several want the blob, and all of it will
/// soon be requested. If one client requests a range again and again, it only doubts the bytes.
/// Memory is bounded whatever clients request. One thread.
class ServedRanges {
 public:
  enum class Verdict : std::uint8_t {
    nothing,
    check,           ///< fetch these ranges again, and compare
    wanted_by_many,  ///< fetch all of the blob
  };

  /// `client` (Requester::client) is answered with these ranges.
  Verdict note(const std::vector<Span>& spans, Client client);

 private:
  Extents served_;
  /// How often each client got only ranges that had been served before.
  std::unordered_map<Client, int> repeats_;
  int check_at_ = 3;  // repeats by one client
};

}  // namespace entrepot::cache
