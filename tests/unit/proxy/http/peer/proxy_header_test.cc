// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/peer/proxy_header.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/proxy/http/peer/proxy_bytes.h"

namespace entrepot::http {
namespace {

using namespace std::string_view_literals;
using HeaderResult = ProxyHeader::Result;

/// The client of a complete header that ends with `header`; "own": the header names none.
std::string client_of(const std::string& header) {
  const ProxyHeader found = parse_proxy_header(header + "GET /");
  if (found.result != HeaderResult::complete) return "not complete";
  EXPECT_EQ(found.size, header.size()) << "the bytes of the client are not those after the header";
  return found.source ? found.source->text() : "own";
}

HeaderResult result_of(std::string_view bytes) { return parse_proxy_header(bytes).result; }

TEST(ProxyHeader, ReadsLinesOfVersion1) {
  EXPECT_EQ(client_of("PROXY TCP4 203.0.113.7 192.0.2.1 51234 443\r\n"), "203.0.113.7:51234");
  EXPECT_EQ(client_of("PROXY TCP6 2001:db8::7 2001:db8::1 51234 443\r\n"), "[2001:db8::7]:51234");
  EXPECT_EQ(client_of("PROXY TCP6 ::ffff:203.0.113.7 ::1 1 2\r\n"), "203.0.113.7:1");
  EXPECT_EQ(client_of("PROXY UNKNOWN\r\n"), "own");
  EXPECT_EQ(client_of("PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n"), "own");
}

TEST(ProxyHeader, ReadsTheLongestLineOfVersion1) {
  const std::string v6 = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
  std::string line = "PROXY UNKNOWN " + v6 + " " + v6 + " 65535 65535\r\n";
  ASSERT_EQ(line.size(), 107U);
  EXPECT_EQ(client_of(line), "own");
  line.insert(14, "f");
  EXPECT_EQ(result_of(line), HeaderResult::malformed);
}

TEST(ProxyHeader, RefusesOtherLines) {
  for (const char* line :
       {"PROXY TCP4 203.0.113.7 192.0.2.1 51234\r\n",
        "PROXY TCP4 203.0.113.7 192.0.2.1 65536 443\r\n",
        "PROXY TCP4 203.0.113.7 192.0.2.1 51234 443 1\r\n",
        "PROXY TCP4  203.0.113.7 192.0.2.1 1 2\r\n", "PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n",
        "PROXY TCP6 203.0.113.7 192.0.2.1 1 2\r\n", "PROXY TCP4 203.0.113.300 192.0.2.1 1 2\r\n",
        "PROXY TCP4 203.0.113.7 192.0.2.1 -1 2\r\n", "PROXY UDP4 203.0.113.7 192.0.2.1 1 2\r\n",
        "PROXY UNKNOWNS\r\n", "PROXY \r\n", "PROXY TCP6 :: ::1 1 2\r\n",
        "PROXY tcp4 203.0.113.7 192.0.2.1 1 2\r\n"})
    EXPECT_EQ(result_of(line), HeaderResult::malformed) << line;
  EXPECT_EQ(result_of("PROXY TCP4 203.0.113.7 192.0.2.1 1 2\n"), HeaderResult::more);
  EXPECT_EQ(result_of("PROXY TCP4 " + std::string(96, '1')), HeaderResult::malformed);
}

TEST(ProxyHeader, ReadsVersion2) {
  EXPECT_EQ(client_of(v4_header()), "203.0.113.7:51234");
  std::string v6("\x20\x01\x0d\xb8"sv);
  v6.append(11, '\0').append("\x07").append(16, '\1').append("\xc8\x22\x01\xbb"sv);
  EXPECT_EQ(client_of(binary_header(0x21, 0x21, v6)), "[2001:db8::7]:51234");
  EXPECT_EQ(client_of(binary_header(0x21, 0x12, v4_block())), "203.0.113.7:51234") << "a datagram";
}

TEST(ProxyHeader, ABalancerMaySpeakForItself) {
  EXPECT_EQ(client_of(binary_header(0x20, 0x00, "")), "own");
  EXPECT_EQ(client_of(binary_header(0x20, 0x11, v4_block())), "own") << "LOCAL has no addresses";
  EXPECT_EQ(client_of(binary_header(0x20, 0xff, "\x03\x00")), "own") << "all of it is ignored";
  EXPECT_EQ(client_of(binary_header(0x21, 0x00, "")), "own") << "UNSPEC";
  EXPECT_EQ(client_of(binary_header(0x21, 0x31, std::string(216, 'p'))), "own") << "unix";
}

TEST(ProxyHeader, SkipsFields) {
  const std::string name = field(0x02, "mirror.example");
  EXPECT_EQ(client_of(v4_header(name + field(0x04, std::string(40, '\0')) + field(0xea, "vpce"))),
            "203.0.113.7:51234");
  EXPECT_EQ(result_of(v4_header(name.substr(0, 5))), HeaderResult::malformed);
  EXPECT_EQ(result_of(v4_header("\x02")), HeaderResult::malformed);
  EXPECT_EQ(client_of(v4_header(field(0x04, std::string(4096 - 16 - 12 - 3, ' ')))),
            "203.0.113.7:51234");
  EXPECT_EQ(result_of(v4_header(field(0x04, std::string(4096 - 16 - 12 - 2, ' ')))),
            HeaderResult::malformed)
      << "longer than max_size";
}

// The checksum was computed by another program, which gives e3069283 for "123456789".
TEST(ProxyHeader, VerifiesTheChecksum) {
  const std::string before = v4_header(field(0x03, std::string(4, '\0')));
  std::string header = v4_header(field(0x03, "\x7d\x2d\x21\x1e"sv));
  EXPECT_EQ(client_of(header), "203.0.113.7:51234");
  EXPECT_EQ(result_of(before), HeaderResult::checksum);
  for (std::size_t at = 16; at < 28; ++at) {
    std::string changed = header;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    EXPECT_EQ(result_of(changed), HeaderResult::checksum) << at;
  }
  EXPECT_EQ(result_of(v4_header(field(0x03, "abc"))), HeaderResult::malformed);
}

TEST(ProxyHeader, RefusesOtherBinaryHeaders) {
  EXPECT_EQ(result_of(binary_header(0x11, 0x11, v4_block())), HeaderResult::malformed)
      << "version 1";
  EXPECT_EQ(result_of(binary_header(0x22, 0x11, v4_block())), HeaderResult::malformed)
      << "command 2";
  EXPECT_EQ(result_of(binary_header(0x21, 0x41, v4_block())), HeaderResult::malformed)
      << "family 4";
  EXPECT_EQ(result_of(binary_header(0x21, 0x13, v4_block())), HeaderResult::malformed)
      << "transport 3";
  EXPECT_EQ(result_of(binary_header(0x21, 0x11, v4_block().substr(1))), HeaderResult::malformed);
  EXPECT_EQ(result_of(binary_header(0x21, 0x21, v4_block())), HeaderResult::malformed);
  EXPECT_EQ(result_of(binary_header(0x21, 0x31, v4_block())), HeaderResult::malformed);
  EXPECT_EQ(result_of(binary_header(0x21, 0x21, std::string(36, '\0'))), HeaderResult::malformed)
      << "an address that no client has";
}

TEST(ProxyHeader, WaitsForTheWholeHeader) {
  for (const std::string& header : {v4_header(field(0x02, "name")),
                                    std::string("PROXY TCP4 203.0.113.7 192.0.2.1 51234 443\r\n")})
    for (std::size_t n = 0; n < header.size(); ++n)
      EXPECT_EQ(result_of(std::string_view(header).substr(0, n)), HeaderResult::more) << n;
}

TEST(ProxyHeader, KnowsWhatIsNoHeader) {
  for (const std::string_view bytes : {"GET /v2/ HTTP/1.1\r\n"sv, "\x16\x03\x01\x02"sv, "PUT /"sv,
                                       "PROXYTCP4"sv, "\r\n\r\nGET /"sv, "proxy TCP4"sv, "\0"sv})
    EXPECT_EQ(result_of(bytes), HeaderResult::missing) << bytes;
}

}  // namespace
}  // namespace entrepot::http
