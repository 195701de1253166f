// SPDX-License-Identifier: Apache-2.0
// Headers of the PROXY protocol, version 2.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace entrepot::http {

/// Two bytes in network byte order.
inline std::string two_bytes(std::size_t number) {
  return {static_cast<char>(number >> 8 & 0xff), static_cast<char>(number & 0xff)};
}

/// A header with this command (0x21: PROXY, 0x20: LOCAL), family and block.
inline std::string binary_header(int command, int family, std::string_view block) {
  using namespace std::string_view_literals;
  std::string header("\r\n\r\n\0\r\nQUIT\n"sv);
  header.append({static_cast<char>(command), static_cast<char>(family)});
  return header.append(two_bytes(block.size())).append(block);
}

inline std::string field(int type, std::string_view value) {
  return std::string(1, static_cast<char>(type)).append(two_bytes(value.size())).append(value);
}

/// 203.0.113.7:51234 connects to 192.0.2.1:443.
inline std::string v4_block() {
  using namespace std::string_view_literals;
  return std::string("\xcb\x00\x71\x07\xc0\x00\x02\x01\xc8\x22\x01\xbb"sv);
}

inline std::string v4_header(std::string_view fields = {}) {
  return binary_header(0x21, 0x11, v4_block().append(fields));
}

}  // namespace entrepot::http
