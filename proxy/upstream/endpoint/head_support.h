// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstddef>

#include "cache/api/source.h"

namespace entrepot::upstream {

/// True for a status by which an endpoint may refuse the method HEAD, and not the object: what GET
/// would be answered is not known then. The specification wants HEAD wherever GET is
/// (distribution-spec, "Checking if content exists in the registry"), and registries that lack it
/// say so by any of these. Not 408, 425 and 429, which are about the moment; of 5xx only 501. 401
/// is about the login, which shall not be refused twice; public.ecr.aws answers so to the HEAD of a
/// blob.
constexpr bool may_refuse_head(cache::Resource resource, int status) {
  if (status == 408 || status == 425 || status == 429) return false;
  if (status == 401) return resource == cache::Resource::blob;
  return (status >= 400 && status < 500) || status == 501;
}

/// Remembers for an hour that an endpoint refuses HEAD of manifests or of blobs, so that it gets a
/// GET at once. Loop thread only.
class HeadSupport {
 public:
  using Time = std::chrono::steady_clock::time_point;

  bool refused(cache::Resource resource, Time now) const { return now < until_[index(resource)]; }
  /// REQUIRES: the endpoint has refused HEAD of an object and answered GET of the same object.
  void refuses(cache::Resource resource, Time now) { until_[index(resource)] = now + lifetime; }

 private:
  static constexpr std::chrono::hours lifetime{1};
  static std::size_t index(cache::Resource resource) { return static_cast<std::size_t>(resource); }

  std::array<Time, 2> until_{};
};

}  // namespace entrepot::upstream
