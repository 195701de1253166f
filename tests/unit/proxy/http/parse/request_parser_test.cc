// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/parse/request_parser.h"

#include <gtest/gtest.h>

#include <string>

namespace entrepot::http {
namespace {

using Result = RequestParser::Result;

// Feeds `bytes` in pieces of `piece` bytes; returns the number of bytes taken.
Result feed(RequestParser& parser, std::string_view bytes, std::size_t piece, std::size_t& taken) {
  taken = 0;
  Result result = Result::more;
  while (result == Result::more && taken < bytes.size()) {
    std::size_t n = 0;
    result = parser.feed(bytes.substr(taken, piece), n);
    taken += n;
  }
  return result;
}

TEST(RequestParser, ReadsTheSameInPiecesOfAnySize) {
  const std::string head =
      "\r\nGET /v2/%61b/manifests/x?ns=docker.io&a=%2f HTTP/1.1\r\n"
      "hOST: mirror:5000\r\nAccept: a\r\nACCEPT:b \t\r\nEmpty:\r\n\r\n";
  const std::string bytes = head + "GET /next";
  for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
    RequestParser parser;
    Request request;
    parser.begin(request);
    std::size_t taken = 0;
    ASSERT_EQ(feed(parser, bytes, piece, taken), Result::complete) << piece;
    EXPECT_EQ(taken, head.size()) << "the parser took bytes of the next request";
    EXPECT_EQ(request.method(), Method::get);
    EXPECT_EQ(request.target(), "/v2/%61b/manifests/x?ns=docker.io&a=%2f");
    EXPECT_EQ(request.path(), "/v2/ab/manifests/x");
    EXPECT_EQ(request.query(), "ns=docker.io&a=%2f");
    EXPECT_EQ(request.host(), "mirror:5000");
    ASSERT_EQ(request.fields().size(), 4U);
    EXPECT_EQ(request.fields()[0].name, "host");
    EXPECT_EQ(request.field("accept"), "a");
    EXPECT_EQ(request.fields()[2].value, "b");
    EXPECT_EQ(request.field("empty"), "");
    EXPECT_TRUE(parser.keep_alive());
    EXPECT_EQ(parser.framing().kind, Framing::Kind::none);
  }
}

TEST(RequestParser, CanBeUsedAgain) {
  RequestParser parser;
  for (int i = 0; i < 3; ++i) {
    Request request;
    parser.begin(request);
    std::size_t taken = 0;
    EXPECT_EQ(feed(parser, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\n", 999, taken),
              Result::complete);
    EXPECT_EQ(request.method(), Method::put);
    EXPECT_EQ(request.fields().size(), 2U);
    EXPECT_EQ(parser.framing().length, 7U);
  }
}

struct Keep {
  const char* version;
  const char* connection;
  bool keep;
};

TEST(RequestParser, KnowsWhetherTheClientKeepsTheConnection) {
  for (const auto& [version, connection, keep] :
       {Keep{"1.1", "", true}, Keep{"1.1", "Connection: close\r\n", false},
        Keep{"1.1", "Connection: foo, Close\r\n", false}, Keep{"1.0", "", false},
        Keep{"1.0", "Connection: keep-alive\r\n", true},
        Keep{"1.0", "Connection: keep-alive, close\r\n", false}}) {
    RequestParser parser;
    Request request;
    parser.begin(request);
    std::size_t taken = 0;
    const std::string bytes =
        std::string("GET / HTTP/") + version + "\r\nHost: a\r\n" + connection + "\r\n";
    ASSERT_EQ(feed(parser, bytes, 999, taken), Result::complete) << bytes;
    EXPECT_EQ(parser.keep_alive(), keep) << bytes;
  }
}

struct Refused {
  std::string bytes;
  int status;
  bool close;
};

class RequestParserRefuses : public testing::TestWithParam<Refused> {};

TEST_P(RequestParserRefuses, InPiecesOfAnySize) {
  const auto& [bytes, status, close] = GetParam();
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, bytes.size()}) {
    RequestParser parser;
    Request request;
    parser.begin(request);
    std::size_t taken = 0;
    ASSERT_EQ(feed(parser, bytes, piece, taken), Result::refused) << bytes.substr(0, 200);
    EXPECT_EQ(parser.refusal().status, status);
    EXPECT_EQ(parser.refusal().close, close);
  }
}

std::string with(const std::string& fields) {
  return "GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
}
std::string target(const std::string& target) {
  return "GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n";
}
std::string host(const std::string& host) { return "GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n"; }
std::string many_fields() {
  std::string fields;
  for (int i = 0; i < 100; ++i) fields += "X: y\r\n";
  return with(fields);
}

INSTANTIATE_TEST_SUITE_P(
    Heads, RequestParserRefuses,
    testing::Values(
        Refused{"\r\n\r\n\r\n", 400, true}, Refused{"\n", 400, true}, Refused{"GET /\n", 400, true},
        Refused{"GET /\rx", 400, true}, Refused{std::string("\x16\x03\x01\x00", 4), 400, true},
        Refused{std::string(33, 'G'), 501, true},
        Refused{std::string("GET /") + std::string(8200, 'a'), 414, true},
        Refused{with(std::string("X: ") + std::string(48 * 1024, 'a') + "\r\n"), 431, true},
        Refused{with(std::string("X: ") + std::string(40000, 'a') + std::string("\r\nY: ") +
                     std::string(30000, 'a') + "\r\n"),
                431, true},
        Refused{many_fields(), 431, true},
        Refused{with("Transfer-Encoding: chunked, gzip\r\n"), 400, true},
        Refused{with("Transfer-Encoding: chunked, chunked\r\n"), 400, true},
        Refused{with("Transfer-Encoding: gzip, chunked\r\n"), 501, true},
        Refused{with("Transfer-Encoding:\r\n"), 400, true},
        Refused{with("Content-Length: 18446744073709551616\r\n"), 400, true},
        Refused{with("Content-Length: 1125899906842624\r\n"), 413, true},
        Refused{"GET / HTTP/1.2\r\n", 505, true}, Refused{"GET / http/1.1\r\n", 400, true},
        Refused{"GET / HTTP/1.1 \r\n", 400, true}));

INSTANTIATE_TEST_SUITE_P(
    Targets, RequestParserRefuses,
    testing::Values(Refused{target("/a/./b"), 400, false}, Refused{target("/a/%2E"), 400, false},
                    Refused{target("/%7f"), 400, false}, Refused{target("/%1"), 400, false},
                    Refused{target("/%"), 400, false}, Refused{target("/\x7f"), 400, false},
                    Refused{target("*"), 400, false}, Refused{target("//../x"), 400, false}));

INSTANTIATE_TEST_SUITE_P(
    Hosts, RequestParserRefuses,
    testing::Values(Refused{host("u@h"), 400, true}, Refused{host("a,b"), 400, true},
                    Refused{host("[::1"), 400, true}, Refused{host("[]"), 400, true},
                    Refused{host("[::1]x"), 400, true}, Refused{host(":80"), 400, true},
                    Refused{host("a:b"), 400, true}, Refused{host("a:123456"), 400, true},
                    Refused{host("a%00"), 400, true}));

TEST(RequestParser, AcceptsRequestsAtTheLimits) {
  std::string fields;
  for (int i = 0; i < 98; ++i) fields += "X: y\r\n";
  for (const std::string& bytes :
       {with(fields), with(std::string("X: ") + std::string(48 * 1024 - 3, 'a') + "\r\n"),
        target(std::string("/") + std::string(8192 - 14, 'a')), host("[::1]:5000"),
        host("a_b.c-d:1"), target("/..a/.../b..?../%zz"),
        with("Content-Length: 1125899906842623\r\n")}) {
    RequestParser parser;
    Request request;
    parser.begin(request);
    std::size_t taken = 0;
    EXPECT_EQ(feed(parser, bytes, 999, taken), Result::complete)
        << parser.refusal().reason << ": " << bytes.substr(0, 100);
  }
}

}  // namespace
}  // namespace entrepot::http
