// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "cache/base/digest.h"
#include "cache/base/failure.h"

namespace entrepot::cache {

/// The digest by which a registry identifies a signed schema 1 manifest: the digest of the signed
/// payload, which is the document without its signatures (Docker Image Manifest V2, Schema 1,
/// "Signed Manifests"). Accepts arbitrary bytes and returns nullopt for anything else. Takes about
/// as long as parsing them. Pure.
std::optional<Digest> signed_payload_digest(Algorithm algorithm, std::string_view bytes);

/// The failure for a schema 1 manifest. Engines no longer support this format, and its digest is
/// not the digest of its bytes.
Failure schema1_unsupported();

}  // namespace entrepot::cache
