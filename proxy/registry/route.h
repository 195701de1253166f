// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace entrepot::registry {

enum class Resource : std::uint8_t {
  none,  ///< nothing we serve
  ping,
  manifest,
  blob,
  upload,
  tags,
  referrers,
  catalog,
};

/// A path taken apart. Nothing in it has been checked against a grammar.
struct Route {
  Resource resource = Resource::none;
  /// `<p>` of `/<p>/v2/…`; empty for `/v2/…`.
  std::string_view prefix;
  /// The repository as the client addressed it, `<p>/` of `/v2/<p>/<name>/…` included.
  std::string_view name;
  /// Tag, digest or upload.
  std::string_view reference;
};

/// Takes a decoded path apart, from the right, because a repository name may itself hold
/// `manifests`, `blobs` or `tags` (protocol notes 1.10). Views point into `path`. Pure; any thread.
Route parse_route(std::string_view path);

}  // namespace entrepot::registry
