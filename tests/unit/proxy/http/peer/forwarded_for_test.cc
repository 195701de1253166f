// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/peer/forwarded_for.h"

#include <gtest/gtest.h>

#include <string>
#include <variant>
#include <vector>

#include "proxy/http/parse/request_parser.h"

namespace entrepot::http {
namespace {

Network network(std::string_view text) { return std::get<Network>(Network::parse(text)); }

/// The client of a request with these fields, behind proxies in 10.0.0.0/8 and 2001:db8:1::/48.
std::string client_in(const std::vector<std::string>& fields) {
  const TrustedProxies proxies{.protocol = ForwardingProtocol::x_forwarded_for,
                               .networks = {network("10.0.0.0/8"), network("2001:db8:1::/48")}};
  std::string head = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (const auto& field : fields) head += "X-Forwarded-For: " + field + "\r\nAccept: a\r\n";
  Request request;
  RequestParser parser;
  parser.begin(request);
  std::size_t taken = 0;
  EXPECT_EQ(parser.feed(head + "\r\n", taken), RequestParser::Result::complete);
  const ForwardedFor found = forwarded_for(request, proxies);
  if (found.malformed) return "malformed";
  return found.client ? found.client->text() : "own";
}

TEST(ForwardedFor, IsTheLastEntryThatIsNoProxy) {
  EXPECT_EQ(client_in({"203.0.113.7"}), "203.0.113.7");
  EXPECT_EQ(client_in({"198.51.100.1, 203.0.113.7"}), "203.0.113.7")
      << "the client wrote the first";
  EXPECT_EQ(client_in({"198.51.100.1, 203.0.113.7, 10.0.0.1, 10.0.0.2"}), "203.0.113.7");
  EXPECT_EQ(client_in({"198.51.100.1,203.0.113.7 ,\t2001:db8:1::5"}), "203.0.113.7");
  EXPECT_EQ(client_in({"10.0.0.3, 10.0.0.2"}), "10.0.0.3") << "a client in the trusted networks";
}

TEST(ForwardedFor, SeveralFieldsAreOneList) {
  EXPECT_EQ(client_in({"198.51.100.1", "203.0.113.7", "10.0.0.1"}), "203.0.113.7");
  EXPECT_EQ(client_in({"203.0.113.7", "10.0.0.1, 10.0.0.2"}), "203.0.113.7");
}

TEST(ForwardedFor, EmptyEntriesDoNotCount) {
  EXPECT_EQ(client_in({}), "own");
  EXPECT_EQ(client_in({""}), "own");
  EXPECT_EQ(client_in({" , ,"}), "own");
  EXPECT_EQ(client_in({"203.0.113.7,,"}), "203.0.113.7");
  EXPECT_EQ(client_in({"203.0.113.7", ""}), "203.0.113.7");
}

TEST(ForwardedFor, AnEntryThatIsReadHasToBeAnAddress) {
  for (const char* entry :
       {"unknown", "_hidden", "203.0.113.7.1", "203.0.113.7:x", "203.0.113.7:65536",
        "[203.0.113.7]", "[2001:db8::7", "[2001:db8::7]443", "mirror.example",
        "unix:", "::", "203.0.113.7;1", "for=203.0.113.7", "203.0.113.0/24", "2001:db8::7]:1"})
    EXPECT_EQ(client_in({"203.0.113.7, " + std::string(entry)}), "malformed") << entry;
  EXPECT_EQ(client_in({"unknown, 10.0.0.1"}), "malformed");
  EXPECT_EQ(client_in({"unknown, 203.0.113.7"}), "203.0.113.7")
      << "nobody reads what clients write";
}

TEST(ForwardedFor, ReadsTheFormsOfProxies) {
  EXPECT_EQ(client_in({"203.0.113.7:51234"}), "203.0.113.7:51234");
  EXPECT_EQ(client_in({"2001:db8::7"}), "[2001:db8::7]");
  EXPECT_EQ(client_in({"[2001:db8::7]"}), "[2001:db8::7]");
  EXPECT_EQ(client_in({"[2001:db8::7]:443"}), "[2001:db8::7]:443");
  EXPECT_EQ(client_in({"\"[2001:db8::7]:443\""}), "[2001:db8::7]:443");
  EXPECT_EQ(client_in({"fe80::1%eth0"}), "[fe80::1]");
  EXPECT_EQ(client_in({"::ffff:203.0.113.7"}), "203.0.113.7");
  EXPECT_EQ(client_in({"203.0.113.7, ::ffff:10.0.0.1"}), "203.0.113.7") << "a proxy, IPv4-mapped";
}

TEST(ForwardedFor, ReadsABoundedNumberOfProxies) {
  std::string proxies;
  for (std::size_t i = 1; i < ForwardedFor::most_proxies; ++i) proxies += ", 10.0.0.1";
  EXPECT_EQ(client_in({"203.0.113.7" + proxies}), "203.0.113.7");
  EXPECT_EQ(client_in({"203.0.113.7, 10.0.0.1" + proxies}), "malformed");
}

}  // namespace
}  // namespace entrepot::http
