// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/parse/body_skipper.h"

#include <gtest/gtest.h>

#include <string>

namespace entrepot::http {
namespace {

using DrainResult = BodySkipper::Result;

DrainResult feed(BodySkipper& drain, std::string_view bytes, std::size_t piece,
                 std::size_t& taken) {
  taken = 0;
  DrainResult result = DrainResult::more;
  while (result == DrainResult::more && taken < bytes.size()) {
    std::size_t n = 0;
    result = drain.feed(bytes.substr(taken, piece), n);
    taken += n;
  }
  return result;
}

Framing chunked() {
  Framing framing;
  framing.kind = Framing::Kind::chunked;
  return framing;
}

Framing length(std::uint64_t n) {
  Framing framing;
  framing.kind = Framing::Kind::length;
  framing.length = n;
  return framing;
}

TEST(BodySkipper, EndsWhereTheBodyEnds) {
  struct Body {
    Framing framing;
    std::string bytes;
  };
  for (const auto& [framing, bytes] :
       {Body{length(5), "hello"}, Body{chunked(), "0\r\n\r\n"},
        Body{chunked(), "5\r\nhello\r\n00A;x=\"y\"\r\n0123456789\r\n0\r\n\r\n"},
        Body{chunked(), "1\r\n\n\r\n0\r\nDigest: x\r\nEmpty:\r\n\r\n"}}) {
    for (std::size_t piece = 1; piece <= bytes.size() + 3; ++piece) {
      BodySkipper drain;
      drain.begin(framing);
      std::size_t taken = 0;
      EXPECT_EQ(feed(drain, bytes + "GET", piece, taken), DrainResult::complete) << bytes;
      EXPECT_EQ(taken, bytes.size()) << bytes;
    }
  }
}

TEST(BodySkipper, RefusesMalformedChunks) {
  for (const char* bytes : {"\r\n",
                            "g\r\n",
                            " 1\r\n",
                            "1 \r\n",
                            "0x1\r\n",
                            "-1\r\n",
                            "1\n",
                            "1\r\r",
                            "1;a\nb\r\n",
                            "1\r\nab",
                            "1\r\na\n",
                            "1\r\na\rx",
                            "0\r\n\n",
                            "0\r\n\rx",
                            "0\r\n: x\r\n",
                            "0\r\nX y\r\n",
                            "0\r\n folded\r\n",
                            "0\r\nX: y\n",
                            "10000000000000000\r\n",
                            "FFFFFFFFFFFFFFED\r\n"}) {
    BodySkipper drain;
    drain.begin(chunked());
    std::size_t taken = 0;
    EXPECT_EQ(feed(drain, bytes, 1, taken), DrainResult::refused) << bytes;
    EXPECT_EQ(drain.refusal().status, 400) << bytes;
  }
}

TEST(BodySkipper, TakesAtMostItsLimit) {
  const std::string big(70000, 'a');
  for (const bool in_chunks : {false, true}) {
    BodySkipper drain;
    drain.begin(in_chunks ? chunked() : length(big.size()));
    std::size_t taken = 0;
    EXPECT_EQ(feed(drain, in_chunks ? "11170\r\n" + big : big, 1000, taken), DrainResult::refused);
    EXPECT_EQ(drain.refusal().status, 413);
    EXPECT_LE(taken, 66 * 1024U);
  }
  BodySkipper drain;  // endless extension
  drain.begin(chunked());
  std::size_t taken = 0;
  EXPECT_EQ(feed(drain, "1;" + big, 1000, taken), DrainResult::refused);
}

}  // namespace
}  // namespace entrepot::http
