// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/peer/proxy_header.h"

#include <algorithm>
#include <array>

#include "proxy/base/text.h"

namespace entrepot::http {
namespace {

using namespace std::string_view_literals;
using Result = ProxyHeader::Result;

constexpr std::string_view signature_1 = "PROXY ";
constexpr std::string_view signature_2 = "\r\n\r\n\0\r\nQUIT\n"sv;
constexpr std::size_t max_size_1 = 107;  // bytes of a line of version 1
constexpr std::size_t head_size_2 = 16;  // bytes before the addresses of version 2
constexpr std::size_t tlv_head_size = 3;
constexpr unsigned char tlv_crc32c = 0x03;  // PP2_TYPE_CRC32C
constexpr std::size_t crc_size = 4;

ProxyHeader failed(Result result) { return {.result = result, .size = 0}; }
ProxyHeader complete(std::size_t size, std::optional<SourceAddress> source) {
  return {.result = Result::complete, .size = size, .source = source};
}

// --- Version 1: one line of text --------------------------------------------------------------

/// Removes the next word of a line and the space behind it. Empty: there is none.
std::string_view next_word(std::string_view& line) {
  const std::size_t end = std::min(line.find(' '), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return word;
}

std::optional<std::uint16_t> port_of(std::string_view text) {
  const auto number = parse_number(text);
  if (!number || *number > UINT16_MAX) return std::nullopt;
  return static_cast<std::uint16_t>(*number);
}

/// An address of the family that the line names.
std::optional<IpAddress> address_of(std::string_view text, bool v6) {
  if ((text.find(':') != text.npos) != v6) return std::nullopt;
  const auto address = IpAddress::parse(text);
  return address && address->known() ? address : std::nullopt;
}

ProxyHeader parse_line(std::string_view bytes) {
  const std::size_t end = bytes.substr(0, max_size_1).find("\r\n");
  if (end == bytes.npos)
    return failed(bytes.size() < max_size_1 ? Result::more : Result::malformed);
  const std::size_t size = end + 2;
  std::string_view line = bytes.substr(signature_1.size(), end - signature_1.size());
  const std::string_view family = next_word(line);
  if (family == "UNKNOWN") return complete(size, std::nullopt);
  if (family != "TCP4" && family != "TCP6") return failed(Result::malformed);
  const bool v6 = family == "TCP6";
  const auto source = address_of(next_word(line), v6);
  const auto destination = address_of(next_word(line), v6);
  const auto port = port_of(next_word(line));
  if (!source || !destination || !port || !port_of(line)) return failed(Result::malformed);
  return complete(size, SourceAddress{*source, *port});
}

// --- Version 2: binary ------------------------------------------------------------------------

std::size_t byte_at(std::string_view bytes, std::size_t at) {
  return static_cast<unsigned char>(bytes[at]);
}

std::size_t number_at(std::string_view bytes, std::size_t at) {
  return byte_at(bytes, at) << 8 | byte_at(bytes, at + 1);
}

/// Continues a CRC-32C (RFC 3720 §B.4). Bit by bit: a header has few bytes.
std::uint32_t add_to_crc(std::uint32_t crc, std::string_view bytes) {
  constexpr std::uint32_t polynomial = 0x82f63b78;  // reversed
  for (const char byte : bytes) {
    crc ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1U) != 0 ? polynomial : 0);
  }
  return crc;
}

/// The checksum of a header whose field for it, at `at`, counts as zeros.
std::uint32_t checksum_of(std::string_view header, std::size_t at) {
  std::uint32_t crc = add_to_crc(UINT32_MAX, header.substr(0, at));
  crc = add_to_crc(crc, "\0\0\0\0"sv);
  return ~add_to_crc(crc, header.substr(at + crc_size));
}

std::uint32_t word_at(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint32_t>(number_at(bytes, at) << 16 | number_at(bytes, at + 2));
}

/// Checks the fields from `at` to the end of a header. `complete`: they are sound.
Result check_fields(std::string_view header, std::size_t at) {
  while (at < header.size()) {
    if (header.size() - at < tlv_head_size) return Result::malformed;
    const std::size_t type = byte_at(header, at);
    const std::size_t length = number_at(header, at + 1);
    at += tlv_head_size;
    if (header.size() - at < length) return Result::malformed;
    if (type == tlv_crc32c) {
      if (length != crc_size) return Result::malformed;
      if (word_at(header, at) != checksum_of(header, at)) return Result::checksum;
    }
    at += length;
  }
  return Result::complete;
}

/// The address of 4 or 16 bytes at the front of `bytes`.
IpAddress ip_of(std::string_view bytes, bool v6) {
  IpAddress::Bytes address{};
  if (!v6) address[10] = address[11] = 0xff;  // IPv4-mapped
  const std::size_t offset = v6 ? 0 : address.size() - 4;
  for (std::size_t i = offset; i < address.size(); ++i)
    address[i] = static_cast<std::uint8_t>(bytes[i - offset]);
  return IpAddress(address);
}

/// The blocks of addresses by the number of their family: none, IPv4, IPv6, unix.
constexpr std::array<std::size_t, 4> block_sizes{0, 12, 36, 216};

ProxyHeader parse_block(std::string_view header) {
  const std::size_t version = byte_at(header, 12) >> 4;
  const std::size_t command = byte_at(header, 12) & 0xf;
  const std::size_t family = byte_at(header, 13) >> 4;
  const std::size_t transport = byte_at(header, 13) & 0xf;
  if (version != 2 || command > 1) return failed(Result::malformed);
  // LOCAL: the rest is to be ignored.
  if (command == 0) return complete(header.size(), std::nullopt);
  if (family >= block_sizes.size() || transport > 2) return failed(Result::malformed);
  const std::size_t fields = head_size_2 + block_sizes[family];
  if (header.size() < fields) return failed(Result::malformed);
  if (const Result result = check_fields(header, fields); result != Result::complete)
    return failed(result);
  const bool v6 = family == 2;
  if ((family != 1 && !v6) || transport == 0) return complete(header.size(), std::nullopt);
  const std::string_view block = header.substr(head_size_2);
  const std::size_t length = v6 ? 16 : 4;
  const IpAddress ip = ip_of(block, v6);
  if (!ip.known()) return failed(Result::malformed);
  const auto port = static_cast<std::uint16_t>(number_at(block, 2 * length));
  return complete(header.size(), SourceAddress{ip, port});
}

/// Whether `bytes` begin with `start`, or are the beginning of it.
bool may_begin(std::string_view bytes, std::string_view start) {
  return bytes.substr(0, start.size()) == start.substr(0, bytes.size());
}

}  // namespace

ProxyHeader parse_proxy_header(std::string_view bytes) {
  if (may_begin(bytes, signature_1))
    return bytes.size() < signature_1.size() ? failed(Result::more) : parse_line(bytes);
  if (!may_begin(bytes, signature_2)) return failed(Result::missing);
  if (bytes.size() < head_size_2) return failed(Result::more);
  const std::size_t size = head_size_2 + number_at(bytes, 14);
  if (size > ProxyHeader::max_size) return failed(Result::malformed);
  return bytes.size() < size ? failed(Result::more) : parse_block(bytes.substr(0, size));
}

}  // namespace entrepot::http
