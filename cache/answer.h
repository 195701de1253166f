// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "cache/content.h"
#include "cache/failure.h"
#include "cache/listing.h"
#include "metrics/labels.h"

namespace entrepot::cache {

using metrics::Outcome;

/// A repository of an upstream, borrowed. `upstream` is the configured name ("docker.io"), never an
/// alias; `name` has passed the name grammar ("library/alpine").
struct RepositoryRef {
  std::string_view upstream;
  std::string_view name;
};

/// The same, owned.
struct Repository {
  std::string upstream;
  std::string name;
  Repository(RepositoryRef ref) : upstream(ref.upstream), name(ref.name) {}  // NOLINT(*-explicit-*)
  operator RepositoryRef() const { return {upstream, name}; }                // NOLINT(*-explicit-*)
  friend bool operator==(const Repository&, const Repository&) = default;
};

/// What a request for a blob or a manifest comes to.
struct Answer {
  Outcome outcome = Outcome::hit;
  /// Log word saying why it was not a plain hit ("absent", "tag-due", "not-linked", …); static.
  std::string_view reason;
  /// What to send, or null: then `failure` says why.
  std::shared_ptr<const Content> content;
  Failure failure;
  /// Tags only: time since the upstream last confirmed the tag (the `Age` header), and how long
  /// the record stays fresh (0 when it is due).
  std::chrono::seconds age{0};
  std::chrono::seconds fresh_for{0};
};

/// What a request for tags or referrers comes to.
struct ListingAnswer {
  Outcome outcome = Outcome::hit;
  std::string_view reason;
  /// Null when there are none.
  std::shared_ptr<const TagList> tags;
  std::shared_ptr<const Referrers> referrers;
  Failure failure;
};

using AnswerCallback = std::function<void(Answer)>;
using ListingCallback = std::function<void(ListingAnswer)>;

}  // namespace entrepot::cache
