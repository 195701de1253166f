// SPDX-License-Identifier: Apache-2.0
#include "proxy/registry/reply/multipart.h"

#include <random>
#include <utility>

namespace entrepot::registry {
namespace {

std::string draw_boundary() {
  constexpr std::string_view hex = "0123456789abcdef";
  thread_local std::random_device device;
  std::uniform_int_distribution<std::size_t> digit(0, hex.size() - 1);
  std::string boundary;
  while (boundary.size() < 32) boundary += hex[digit(device)];
  return boundary;
}

}  // namespace

std::string content_range(const ByteRange& range, std::uint64_t size) {
  return "bytes " + std::to_string(range.first) + '-' + std::to_string(range.last) + '/' +
         std::to_string(size);
}

Multipart make_multipart(const std::vector<ByteRange>& ranges, std::uint64_t size,
                         std::string_view media_type) {
  const std::string boundary = draw_boundary();
  Multipart multipart{"multipart/byteranges; boundary=" + boundary, {}};
  multipart.pieces.list.reserve(ranges.size());
  for (const auto& range : ranges) multipart.pieces.list.push_back(piece_of(range));
  multipart.pieces.text = [boundary, size, media_type](const std::vector<http::Piece>& parts,
                                                       std::size_t index) {
    std::string text = index == 0 ? "--" : "\r\n--";
    text.append(boundary);
    if (index == parts.size()) return text.append("--\r\n");
    text.append("\r\nContent-Type: ").append(media_type);
    return text.append("\r\nContent-Range: ")
        .append(content_range(range_of(parts[index]), size))
        .append("\r\n\r\n");
  };
  return multipart;
}

}  // namespace entrepot::registry
