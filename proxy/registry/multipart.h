// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/http/body.h"
#include "proxy/registry/range.h"

namespace entrepot::registry {

/// "bytes first-last/size", for a Content-Range field.
std::string content_range(const ByteRange& range, std::uint64_t size);

/// A body of type multipart/byteranges (RFC 9110 §14.6).
struct Multipart {
  /// With the boundary.
  std::string content_type;
  /// A part for each range and the end; heads of parts are made as they are sent.
  http::Pieces pieces;
};

/// Parts of a blob of `size` bytes and that media type, in the order of the ranges, none merged.
/// The boundary is drawn anew each time, of letters and digits only (clients stumble over others),
/// so that no blob can contain it on purpose. Any thread.
/// `media_type` stays valid as long as the parts are sent.
Multipart make_multipart(const std::vector<ByteRange>& ranges, std::uint64_t size,
                         std::string_view media_type);

}  // namespace entrepot::registry
