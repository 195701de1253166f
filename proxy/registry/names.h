// SPDX-License-Identifier: Apache-2.0
// The grammar of repository names and references (OCI distribution-spec, "Pulling manifests").
// Hand-written matchers on the whole string: no allocation, no backtracking. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "cache/digest.h"

namespace entrepot::registry {

/// Longest repository name, path components and slashes included.
inline constexpr std::size_t max_name = 255;
/// Longest tag.
inline constexpr std::size_t max_tag = 128;

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*`, at most max_name.
bool valid_name(std::string_view name);

/// `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`
bool valid_tag(std::string_view tag);

/// What the last segment of a manifest's path is.
enum class ReferenceKind : std::uint8_t {
  tag,
  digest,
  bad_digest,  ///< meant as a digest, but malformed or of an algorithm we cannot verify
  neither,
};

struct Reference {
  ReferenceKind kind = ReferenceKind::neither;
  std::optional<cache::Digest> digest;  ///< set for ReferenceKind::digest
};

/// A reference with ':' is never a tag; it was meant as a digest when it begins like one we verify
/// or has the shape of one (an algorithm and at least 32 characters).
Reference parse_reference(std::string_view text);

}  // namespace entrepot::registry
