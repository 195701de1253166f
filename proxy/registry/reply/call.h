// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "cache/api/answer.h"
#include "cache/api/requester.h"
#include "cache/base/client.h"
#include "cache/base/digest.h"
#include "metrics/labels.h"
#include "metrics/reasons.h"
#include "proxy/registry/request/request_fields.h"
#include "proxy/registry/request/route.h"
#include "proxy/registry/request/upstream_table.h"

namespace entrepot::access {
struct Identity;
}

namespace entrepot::registry {

using metrics::RefusalReason;

/// A wait for the check of a login.
struct LoginWait {
  std::chrono::steady_clock::time_point since{};
  std::chrono::nanoseconds length{0};  ///< once it has ended
};

/// The parsed request of an exchange and, as it becomes known, its outcome. Attached to the
/// exchange in Registry::handle() and read in Registry::finished(). Views point into the request,
/// or into the call itself. Loop thread of the exchange.
struct Call {
  Call() = default;
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  cache::RepositoryRef repository_ref() const { return {upstream->name, repository}; }

  Route route;
  RequestFields fields;

  /// Set by select_target().
  UpstreamPtr upstream;
  std::string_view repository;  ///< as named by the upstream: "library/alpine"
  std::string inserted;         ///< stores `repository` if `library/` was inserted
  std::string ns;               ///< the value of OCI-Namespace; empty: no such field
  /// Set for references that are digests.
  std::optional<cache::Digest> digest;

  /// For a request for a whole blob: the client, which has another identity once the exchange has
  /// ended (http::Exchange::client()).
  cache::Client reader = cache::Client::nobody;
  bool is_arriving = false;  ///< the body comes from an upstream, and is verified meanwhile

  /// Set while the call waits for the cache; becomes true when the exchange ends
  /// (cache::Requester).
  std::shared_ptr<cache::Left> left;

  /// The reply depends on who asks, so no shared cache may store it.
  bool is_private = false;
  /// The name of the client's login, token or JWT, which Guard has verified; empty without one.
  std::string user;
  std::shared_ptr<const access::Identity> identity;  ///< of a JWT; null without one
  LoginWait login_wait;

  /// The events of the upstream work, set while the call waits for the cache, and later.
  std::shared_ptr<cache::WorkForRequest> work;

  // For the access log and the metrics.
  metrics::Kind kind = metrics::Kind::other;
  metrics::Outcome outcome = metrics::Outcome::refused;
  std::optional<metrics::AnswerReason> reason;
  std::optional<RefusalReason> refusal;  ///< for Outcome::refused
  std::string error;  ///< the message of an error reply caused by the mirror or the upstream
};

}  // namespace entrepot::registry
