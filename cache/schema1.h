// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "cache/digest.h"
#include "cache/failure.h"

namespace entrepot::cache {

/// What a registry calls a signed schema 1 manifest by: the digest of what is signed, which is the
/// document without its signatures (Docker Image Manifest V2, Schema 1, "Signed Manifests").
/// nullopt for anything else. Takes any bytes, and may take as long as parsing them. Pure.
std::optional<Digest> signed_payload_digest(Algorithm algorithm, std::string_view bytes);

/// Why a schema 1 manifest is not served: engines stopped reading it, and its digest is not that of
/// its bytes.
Failure schema1_unsupported();

}  // namespace entrepot::cache
