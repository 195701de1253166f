// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/http/body.h"
#include "proxy/registry/request/range.h"

namespace entrepot::registry {

/// The same bytes for a body, which is sent by offset and length.
inline http::Piece piece_of(const ByteRange& range) { return {range.first, range.length()}; }
/// The inverse of piece_of(). REQUIRES: piece.length > 0.
inline ByteRange range_of(const http::Piece& piece) {
  return {piece.offset, piece.offset + piece.length - 1};
}

/// Returns "bytes first-last/size", for a Content-Range field.
std::string content_range(const ByteRange& range, std::uint64_t size);

/// A body of type multipart/byteranges (RFC 9110 §14.6).
struct Multipart {
  /// Includes the boundary.
  std::string content_type;
  /// One part per range, and the closing boundary. The heads of parts are generated while sending.
  http::Pieces pieces;
};

/// Builds the parts of a blob of `size` bytes and this media type, in the order of the ranges,
/// without merging them. The boundary is random for each reply, so that no blob can contain it on
/// purpose, and consists of letters and digits only, because clients reject other characters. Any
/// thread. `media_type` must remain valid until all parts are sent.
Multipart make_multipart(const std::vector<ByteRange>& ranges, std::uint64_t size,
                         std::string_view media_type);

}  // namespace entrepot::registry
