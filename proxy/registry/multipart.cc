// SPDX-License-Identifier: Apache-2.0
#include "proxy/registry/multipart.h"

#include <array>
#include <random>

namespace entrepot::registry {
namespace {

std::string draw_boundary() {
  constexpr std::string_view hex = "0123456789abcdef";
  thread_local std::random_device device;
  std::string boundary;
  for (int word = 0; word < 4; ++word)
    for (auto [bits, digit] = std::pair(device(), 0); digit < 8; bits >>= 4, ++digit)
      boundary += hex[bits & 15];
  return boundary;
}

}  // namespace

std::string content_range(const ByteRange& range, std::uint64_t size) {
  return "bytes " + std::to_string(range.first) + '-' + std::to_string(range.last) + '/' +
         std::to_string(size);
}

Multipart make_multipart(const std::vector<ByteRange>& ranges, std::uint64_t size) {
  const std::string boundary = draw_boundary();
  Multipart multipart{"multipart/byteranges; boundary=" + boundary, {}};
  multipart.pieces.reserve(ranges.size() + 1);
  std::string delimiter = "--" + boundary;
  for (const auto& range : ranges) {
    multipart.pieces.push_back({delimiter +
                                    "\r\nContent-Type: application/octet-stream\r\n"
                                    "Content-Range: " +
                                    content_range(range, size) + "\r\n\r\n",
                                range.first, range.length()});
    if (multipart.pieces.size() == 1) delimiter.insert(0, "\r\n");
  }
  multipart.pieces.push_back({delimiter + "--\r\n", 0, 0});
  return multipart;
}

}  // namespace entrepot::registry
