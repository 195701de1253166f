// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "cache/api/listing.h"
#include "cache/base/failure.h"
#include "cache/base/repository.h"
#include "cache/content/content.h"
#include "metrics/labels.h"
#include "metrics/reasons.h"

namespace entrepot::cache {

using metrics::AnswerReason;
using metrics::Outcome;

/// The result of a request for a blob or a manifest.
struct Answer {
  Outcome outcome = Outcome::hit;
  /// Not set for a plain hit.
  std::optional<AnswerReason> reason;
  /// The content to send, or null with `failure` set.
  std::shared_ptr<const Content> content;
  Failure failure;
  /// Tags only: time since the upstream last confirmed the tag (the `Age` header), and the
  /// remaining time for which the record is fresh (0 if it is due).
  std::chrono::seconds age{0};
  std::chrono::seconds fresh_for{0};
};

/// The result of a request for tags or referrers.
struct ListingAnswer {
  Outcome outcome = Outcome::hit;
  std::optional<AnswerReason> reason;
  /// Null if the repository or the subject has none.
  std::shared_ptr<const TagList> tags;
  std::shared_ptr<const Referrers> referrers;
  Failure failure;
};

using AnswerCallback = std::function<void(Answer)>;
using ListingCallback = std::function<void(ListingAnswer)>;

}  // namespace entrepot::cache
