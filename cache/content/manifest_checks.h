// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "cache/base/digest.h"
#include "cache/base/failure.h"
#include "cache/content/parsed_manifest.h"

namespace entrepot::cache {

/// Checks a manifest that an upstream has delivered, by tag or by digest alike, and sets the media
/// type under which it is served. `named_type`: the Content-Type of the answer, may be empty.
/// `named`: the digest that was requested or that the upstream named. Returns the failure if the
/// manifest must not be served: schema 1, beyond the limits of parse_manifest(), or with two
/// different media types (the same bytes under two types can hide content from a client that was
/// checked under the other: CVE-2021-41190, image-spec "mediaType"). Pure; any thread.
std::optional<Failure> check_manifest(ParsedManifest& manifest, const std::string& named_type,
                                      const std::optional<Digest>& named);

}  // namespace entrepot::cache
