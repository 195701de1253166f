// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/metrics.h"
#include "proxy/registry/registry.h"
#include "tests/fakes/exchange.h"
#include "tests/fakes/hand_executor.h"
#include "tests/fakes/store.h"

namespace entrepot::registry {

/// A registry in front of a fake store, with docker.io (default; aliases index.docker.io and hub),
/// ghcr.io, registry.example:5000 (alias example; restricted) and no other upstream.
class Site {
 public:
  explicit Site(bool catalog = false);

  /// Sends a request and delivers all answers. `fields`: "Name: value" each.
  fakes::Reply send(std::string_view method, std::string_view target,
                    const std::vector<std::string>& fields = {});
  fakes::Reply get(std::string_view target, const std::vector<std::string>& fields = {}) {
    return send("GET", target, fields);
  }
  fakes::Reply head(std::string_view target, const std::vector<std::string>& fields = {}) {
    return send("HEAD", target, fields);
  }
  /// Sends a request without delivering answers.
  std::shared_ptr<fakes::Exchange> begin(std::string_view method, std::string_view target,
                                         const std::vector<std::string>& fields = {});

  /// The client of the following requests has as many in progress, or as many misses, as it may.
  bool no_more_requests = false, no_more_misses = false;

  /// The call of the last request, as set by handle().
  const Call& last_call() const;

  fakes::Store store;
  fakes::HandExecutor executor;
  metrics::Metrics metrics;
  Registry registry;

 private:
  std::shared_ptr<fakes::Exchange> last_;
};

/// Content in memory.
std::shared_ptr<const cache::Content> memory_content(std::string_view bytes,
                                                     std::string_view media_type = {});
/// Content in an unlinked file; `progress` for a growing one.
std::shared_ptr<const cache::Content> file_content(std::string_view bytes,
                                                   std::shared_ptr<cache::Progress> progress = {});
cache::Answer hit(std::shared_ptr<const cache::Content> content);
cache::Answer failed(cache::FailureKind kind, std::string message = "it failed");

/// The `code` of an error body. Fails the test if the body is not exactly such a document.
std::string code_of(const fakes::Reply& reply);

inline constexpr std::string_view oci_manifest = "application/vnd.oci.image.manifest.v1+json";
inline constexpr std::string_view oci_index = "application/vnd.oci.image.index.v1+json";

/// The text of the sha256 of `bytes`.
std::string digest_text(std::string_view bytes);

}  // namespace entrepot::registry
