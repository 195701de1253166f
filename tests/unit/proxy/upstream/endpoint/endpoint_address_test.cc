// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/endpoint/endpoint_address.h"

#include <gtest/gtest.h>

#include <string>

namespace entrepot::upstream {
namespace {

class EndpointAddressTest : public testing::Test {
 protected:
  EndpointAddress address(const std::string& url, bool ns = false, std::string id = "us") const {
    EndpointOptions options;
    options.url = url;
    options.ns = ns;
    return {upstream_, options, *Url::parse(url), std::move(id)};
  }

  UpstreamOptions upstream_{.name = "docker.io", .endpoints = {}, .ca_file = {}};
};

TEST_F(EndpointAddressTest, AppendsPathsAndNamesTheUpstreamToAMirror) {
  EXPECT_EQ(address("https://r.example/p").of("/v2/a").text(), "https://r.example/p/v2/a");
  EXPECT_EQ(address("https://m.example", true).of("/v2/a").text(),
            "https://m.example/v2/a?ns=docker.io");
}

TEST_F(EndpointAddressTest, SendsViaToMirrorsOnly) {
  EXPECT_EQ(address("https://r.example").via_line("1.1 other"), "");
  EXPECT_EQ(address("https://m.example", true, "").via_line("1.1 other"), "");
  EXPECT_EQ(address("https://m.example", true).via_line(""), "Via: 1.1 us");
  EXPECT_EQ(address("https://m.example", true).via_line("1.1 other"), "Via: 1.1 other, 1.1 us");
}

TEST_F(EndpointAddressTest, ItsOwnOriginMayBePrivateAndPlain) {
  const auto plain = address("http://10.0.0.1:5000");
  EXPECT_TRUE(plain.plain_http());
  EXPECT_TRUE(plain.private_addresses(*Url::parse("http://10.0.0.1:5000/v2/")));
  EXPECT_FALSE(plain.private_addresses(*Url::parse("http://10.0.0.2:5000/v2/")));
  EXPECT_FALSE(address("https://r.example").plain_http());
}

TEST_F(EndpointAddressTest, AnInternalUpstreamMayLeadAnywhere) {
  upstream_.internal = true;
  const auto internal = address("https://r.example");
  EXPECT_TRUE(internal.internal());
  EXPECT_TRUE(internal.plain_http());
  EXPECT_TRUE(internal.private_addresses(*Url::parse("http://10.0.0.2/")));
}

TEST_F(EndpointAddressTest, ACredentialGoesToNamedTokenServersOnly) {
  upstream_.token_hosts = {"token.example"};
  const auto r = address("https://r.example");
  EXPECT_FALSE(r.realm_rules(true).any_host);
  EXPECT_TRUE(r.realm_rules(false).any_host);
  EXPECT_EQ(r.realm_rules(true).hosts.size(), 1U);
}

}  // namespace
}  // namespace entrepot::upstream
