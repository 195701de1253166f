// SPDX-License-Identifier: Apache-2.0
#include "proxy/registry/multipart.h"

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
  multipart.pieces.reserve(ranges.size() + 1);
  std::string delimiter = "--" + boundary;
  for (const auto& range : ranges) {
    std::string head = delimiter;
    head.append("\r\nContent-Type: ").append(media_type);
    head.append("\r\nContent-Range: ").append(content_range(range, size)).append("\r\n\r\n");
    multipart.pieces.push_back({std::move(head), range.first, range.length()});
    if (multipart.pieces.size() == 1) delimiter.insert(0, "\r\n");
  }
  multipart.pieces.push_back({delimiter + "--\r\n", 0, 0});
  return multipart;
}

}  // namespace entrepot::registry
