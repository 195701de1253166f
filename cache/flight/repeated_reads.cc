// SPDX-License-Identifier: Apache-2.0
#include "cache/flight/repeated_reads.h"

#include <cstdint>

namespace entrepot::cache {
namespace {

std::uint64_t key_of(Client client, const Digest& digest) {
  // Multiplied, because clients may have small values, and the upper bits tell keys apart.
  return digest.hash() ^ (static_cast<std::uint64_t>(client) * 0x9e3779b97f4a7c15U);
}

bool within(std::chrono::seconds period, const std::optional<SteadyTime>& time, SteadyTime now) {
  return time && now - *time < period;
}

}  // namespace

void RepeatedReads::delivered(Client client, const Digest& digest, bool verified, SteadyTime now) {
  deliveries_.note(key_of(client, digest), now);
  if (verified) blobs_.put(digest, {.compared = now, .repeated = std::nullopt});
}

bool RepeatedReads::suspicious(Client client, const Digest& digest, SteadyTime now) {
  const auto age = deliveries_.age(key_of(client, digest), now);
  if (!age || *age >= later) return false;
  Blob blob = blobs_.find(digest).value_or(Blob());
  if (*age < soon) {
    if (within(soon, blob.compared, now)) return false;
  } else {
    const bool second = within(later, blob.repeated, now);
    blob.repeated = now;
    if (!second || within(holds_for, blob.compared, now)) {
      blobs_.put(digest, blob);
      return false;
    }
  }
  blob.compared = now;
  blobs_.put(digest, blob);
  return true;
}

}  // namespace entrepot::cache
