// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "cache/answer.h"
#include "cache/asker.h"
#include "cache/digest.h"
#include "metrics/labels.h"
#include "proxy/registry/request_fields.h"
#include "proxy/registry/route.h"
#include "proxy/registry/upstream_table.h"

namespace entrepot::registry {

/// What one exchange asks for and, as it becomes known, how it ended: the exchange's attachment,
/// made in Registry::handle() and read in Registry::finished(). Views point into the request, or
/// into the call itself. Loop thread of the exchange.
struct Call {
  Call() = default;
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  cache::RepositoryRef repository_ref() const { return {upstream->name, repository}; }

  Route route;
  RequestFields fields;

  /// Set by select_target().
  const Upstream* upstream = nullptr;
  std::string_view repository;  ///< as the upstream knows it: "library/alpine"
  std::string inserted;         ///< holds `repository` when `library/` was put before it
  std::string ns;               ///< the value of OCI-Namespace; empty: no such field
  /// Set for references that are digests.
  std::optional<cache::Digest> digest;

  /// While it waits for the store: set once it is over (cache::Asker).
  std::shared_ptr<cache::Left> left;

  // For the access log and the metrics.
  metrics::Kind kind = metrics::Kind::other;
  metrics::Outcome outcome = metrics::Outcome::refused;
  std::string_view reason;  ///< static
  std::string error;        ///< the message of a reply that is our or the upstream's fault
};

}  // namespace entrepot::registry
