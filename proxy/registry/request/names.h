// SPDX-License-Identifier: Apache-2.0
// The grammar of repository names and references (OCI distribution-spec, "Pulling manifests").
// Hand-written matchers on the whole string: no allocation, no backtracking. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "cache/base/digest.h"

namespace entrepot::registry {

/// Maximum length of a repository name, including path components and slashes.
inline constexpr std::size_t max_name = 255;
/// Maximum length of a tag.
inline constexpr std::size_t max_tag = 128;

/// Matches `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*`, at most
/// max_name.
bool valid_name(std::string_view name);

/// Matches `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`.
bool valid_tag(std::string_view tag);

/// The kind of the last segment of a manifest path.
enum class ReferenceKind : std::uint8_t {
  tag,
  digest,
  bad_digest,  ///< a malformed digest, or one of an algorithm that cannot be verified
  neither,
};

struct Reference {
  ReferenceKind kind = ReferenceKind::neither;
  std::optional<cache::Digest> digest;  ///< set for ReferenceKind::digest
};

/// Classifies a reference. A reference with ':' is never a tag. It is a (bad) digest if it begins
/// like a supported one or has the shape of one (an algorithm and at least 32 characters).
Reference parse_reference(std::string_view text);

}  // namespace entrepot::registry
