// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace entrepot::registry {

enum class Resource : std::uint8_t {
  none,  ///< not a resource of this mirror
  ping,
  manifest,
  blob,
  upload,
  tags,
  referrers,
  catalog,
};

/// The components of a path. None of them has been validated against a grammar.
struct Route {
  Resource resource = Resource::none;
  /// `<p>` of `/<p>/v2/…`; empty for `/v2/…`.
  std::string_view prefix;
  /// The repository as addressed by the client, including `<p>/` of `/v2/<p>/<name>/…`.
  std::string_view name;
  /// Tag, digest or upload.
  std::string_view reference;
};

/// Splits a decoded path from the right, because a repository name may itself contain `manifests`,
/// `blobs` or `tags`. Views point into `path`. Pure; any thread.
Route parse_route(std::string_view path);

}  // namespace entrepot::registry
