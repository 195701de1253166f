// SPDX-License-Identifier: Apache-2.0
#include "cache/base/failure.h"

namespace entrepot::cache {

std::string_view to_string(FailureKind kind) {
  switch (kind) {
    case FailureKind::not_found:
      return "not-found";
    case FailureKind::denied:
      return "denied";
    case FailureKind::rate_limited:
      return "rate-limited";
    case FailureKind::unavailable:
      return "unavailable";
    case FailureKind::bad_upstream:
      return "bad-upstream";
    case FailureKind::store:
      return "store";
  }
  return "unknown";
}

}  // namespace entrepot::cache
