// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/access_cli/explanation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace entrepot::app {
namespace {

using testing::ElementsAre;

access::Rules rules_for(const std::string& who) {
  access::RulesText text;
  text.access = {{{who}, {"docker.io/*"}, true}};
  return std::get<access::Rules>(access::Rules::parse(text));
}

access::Caller user(std::string_view name) {
  access::Caller caller;
  caller.user = name;
  return caller;
}

bool allows(const access::Rules* rules, const ExplainedListener& listener,
            const access::Caller& caller) {
  return explain(rules, {listener}, caller, "docker.io", "library/alpine").allowed;
}

TEST(Explanation, OneListenerIsEnough) {
  const auto rules = rules_for("user:ci");
  const auto explanation = explain(&rules, {{.place = "open"}, {.place = "door", .logins = true}},
                                   user("ci"), "docker.io", "library/alpine");
  EXPECT_TRUE(explanation.allowed);
  EXPECT_THAT(explanation.lines, ElementsAre("client: user ci, unknown address",
                                             "repository: docker.io/library/alpine",
                                             "access[0]: matches: user:ci and docker.io/*",
                                             "open: ignores logins; refused: no rule matches",
                                             "door: allowed by access[0]", "allowed"));
}

TEST(Explanation, AListenerSeesItsOwnNamesOnly) {
  const std::vector<std::string> names = {"CN=node-1"};
  access::Caller node = user("ci");
  node.certificate = names;
  const ExplainedListener logins{.logins = true};
  const ExplainedListener certificates{.asks_for_certificate = true};
  const auto for_user = rules_for("user:ci"), for_node = rules_for("cert:CN=node-1");
  EXPECT_TRUE(allows(&for_user, logins, node));
  EXPECT_FALSE(allows(&for_user, certificates, node));
  EXPECT_FALSE(allows(&for_node, logins, node));
  EXPECT_TRUE(allows(&for_node, certificates, node));
}

TEST(Explanation, WithoutRulesAListenerWithNamesServesNamedClients) {
  const ExplainedListener open{}, logins{.logins = true};
  EXPECT_TRUE(allows(nullptr, open, {}));
  EXPECT_FALSE(allows(nullptr, logins, {}));
  EXPECT_TRUE(allows(nullptr, logins, user("ci")));
  const auto anonymous = rules_for("anonymous");
  EXPECT_TRUE(allows(&anonymous, logins, {}));
}

TEST(Explanation, ADemandedCertificateComesBeforeTheRules) {
  const auto anyone = rules_for("anyone");
  EXPECT_TRUE(allows(&anyone, {.asks_for_certificate = true}, {}));
  EXPECT_FALSE(allows(&anyone, {.asks_for_certificate = true, .needs_certificate = true}, {}));
}

TEST(Explanation, NetworksCountForKnownAddresses) {
  const ExplainedListener listener{.networks = {std::get<Network>(Network::parse("10.0.0.0/8"))}};
  access::Caller near, far;
  near.address = *IpAddress::parse("10.1.1.1");
  far.address = *IpAddress::parse("192.0.2.1");
  EXPECT_TRUE(allows(nullptr, listener, near));
  EXPECT_FALSE(allows(nullptr, listener, far));
  EXPECT_TRUE(allows(nullptr, listener, {}));
}

TEST(Explanation, AListenerWithIssuersKnowsTheClaims) {
  const auto roles = std::get<access::ClaimName>(access::ClaimName::parse("roles"));
  const ExplainedListener issuers{
      .logins = true, .issuers = {{"https://one", roles}, {"https://two", std::nullopt}}};
  const ExplainedListener logins{.logins = true}, open{};
  access::Claims claims;
  claims.add("/roles", "ops");
  access::Caller caller = user("alice");
  caller.claims = &claims;
  const auto by_claim = rules_for("claim:roles=o*"), anyone = rules_for("anyone");
  access::RulesText text;
  text.groups_in_claims = true;
  text.access = {{{"group:ops"}, {"*"}, true}};
  const auto by_group = std::get<access::Rules>(access::Rules::parse(text));
  EXPECT_TRUE(allows(&by_claim, issuers, caller));
  EXPECT_TRUE(allows(&by_group, issuers, caller));
  EXPECT_FALSE(allows(&by_claim, open, caller));
  EXPECT_TRUE(allows(&anyone, open, caller)) << "credentials are ignored";
  EXPECT_FALSE(allows(&anyone, logins, caller)) << "the token is refused";
  claims.add("/iss", "https://two");
  EXPECT_TRUE(allows(&by_claim, issuers, caller));
  EXPECT_FALSE(allows(&by_group, issuers, caller)) << "this issuer names no groups";
  access::Claims foreign;
  foreign.add("/iss", "https://three");
  caller.claims = &foreign;
  EXPECT_FALSE(allows(&anyone, issuers, caller));
}

TEST(Explanation, AUnixSocketKnowsTheUserIdAndNoAddress) {
  const ExplainedListener socket{.unix_socket = true}, port{};
  access::Caller root;
  root.uid = 0;
  root.address = *IpAddress::parse("10.1.1.1");
  const auto for_root = rules_for("uid:0"), for_network = rules_for("net:10.0.0.0/8"),
             anonymous = rules_for("anonymous");
  EXPECT_TRUE(allows(&for_root, socket, root));
  EXPECT_FALSE(allows(&for_root, port, root));
  EXPECT_FALSE(allows(&for_network, socket, root));
  EXPECT_TRUE(allows(&for_network, port, root));
  EXPECT_FALSE(allows(&anonymous, socket, root));
  EXPECT_TRUE(allows(&anonymous, port, root));
  EXPECT_TRUE(allows(nullptr, socket, root));
  EXPECT_FALSE(allows(nullptr, socket, {})) << "there is no such client";
  const ExplainedListener networks{.unix_socket = true,
                                   .networks = {std::get<Network>(Network::parse("10.0.0.0/8"))}};
  EXPECT_FALSE(allows(nullptr, networks, root));
}

TEST(Explanation, AProxyOnAUnixSocketNamesAnAddress) {
  const ExplainedListener socket{.unix_socket = true,
                                 .behind_proxies = true,
                                 .networks = {std::get<Network>(Network::parse("10.0.0.0/8"))}};
  access::Caller client;
  client.address = *IpAddress::parse("10.1.1.1");
  EXPECT_TRUE(allows(nullptr, socket, client));
  const auto for_root = rules_for("uid:0"), for_network = rules_for("net:10.0.0.0/8");
  EXPECT_TRUE(allows(&for_network, socket, client));
  client.uid = 0;
  EXPECT_FALSE(allows(&for_root, socket, client)) << "it is the user of the proxy";
  client.address = *IpAddress::parse("11.1.1.1");
  EXPECT_FALSE(allows(nullptr, socket, client));
}

}  // namespace
}  // namespace entrepot::app
