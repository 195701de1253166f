// SPDX-License-Identifier: Apache-2.0
// A server behind load balancers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <variant>
#include <vector>

#include "proxy/http/client/client_shares.h"
#include "proxy/http/peer/trusted_proxies.h"
#include "tests/unit/proxy/http/peer/proxy_bytes.h"
#include "tests/unit/proxy/http/raw_client.h"
#include "tests/unit/proxy/http/server_under_test.h"

namespace entrepot::http {
namespace {

using metrics::Forwarding;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* proxy_address = "127.0.0.1";
constexpr const char* other_address = "127.0.0.2";

std::shared_ptr<const TrustedProxies> proxies(ForwardingProtocol protocol,
                                              std::string_view network = proxy_address) {
  return std::make_shared<const TrustedProxies>(TrustedProxies{
      .protocol = protocol, .networks = {std::get<Network>(Network::parse(network))}});
}

/// "client via proxy" without the port of the proxy, which the kernel chooses.
void answer_client(const ExchangePtr& exchange) {
  const Peer& peer = exchange->peer();
  std::string text = peer.name;
  if (!peer.via.empty()) text += " via " + peer.via.substr(0, peer.via.rfind(':'));
  exchange->reply(ReplyHead(200), text);
}

/// A header for the client 203.0.113.`last`.
std::string header_of(int last) {
  return "PROXY TCP4 203.0.113." + std::to_string(last) + " 192.0.2.1 51234 443\r\n";
}

std::string forwarded(const std::string& value) {
  return get("/", "X-Forwarded-For: " + value + "\r\n");
}

class ServerBehindProxies : public testing::Test {
 protected:
  explicit ServerBehindProxies(ForwardingProtocol protocol) {
    options_.trusted_proxies = proxies(protocol);
    options_.forwarding = metrics_.forwarding();
  }

  std::uint64_t counted(Forwarding result) const {
    const std::string series = "entrepot_forwarded_clients_total{result=\"" +
                               std::string(metrics::to_string(result)) + "\"} ";
    const std::string text = metrics_.text();
    return std::stoull(text.substr(text.find(series) + series.size()));
  }

  const metrics::Metrics metrics_{{}};
  ServerOptions options_;
};

class ServerBehindProxyProtocol : public ServerBehindProxies {
 protected:
  ServerBehindProxyProtocol() : ServerBehindProxies(ForwardingProtocol::proxy) {}

  /// The answers to two requests on one connection that begins with `header`, sent in pieces.
  std::vector<std::string> answers(ServerUnderTest& server, const std::string& header,
                                   std::size_t piece) {
    RawClient client(server.port());
    const std::string bytes = header + get("/");
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      client.send(bytes.substr(at, piece));
      // The server has read every piece before the next one: each job follows a turn of its loop.
      if (at < header.size()) server.on_loop([] {});
    }
    std::vector<std::string> bodies{client.reply().body};
    client.send(get("/"));
    bodies.push_back(client.reply().body);
    return bodies;
  }
};

TEST_F(ServerBehindProxyProtocol, TheClientIsThatOfTheHeader) {
  ServerUnderTest server(answer_client, options_);
  const std::string expected = "203.0.113.7:51234 via 127.0.0.1";
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{10'000}}) {
    EXPECT_THAT(answers(server, header_of(7), piece), ElementsAre(expected, expected));
    EXPECT_THAT(answers(server, v4_header(field(4, std::string(1000, '\0'))), piece),
                ElementsAre(expected, expected));
  }
  EXPECT_EQ(counted(Forwarding::ok), 6U);
}

TEST_F(ServerBehindProxyProtocol, AProxyMaySpeakForItself) {
  ServerUnderTest server(answer_client, options_);
  for (const std::string& header : {binary_header(0x20, 0, ""), std::string("PROXY UNKNOWN\r\n")})
    EXPECT_THAT(answers(server, header, 5), testing::Each(StartsWith("127.0.0.1:")));
  EXPECT_EQ(counted(Forwarding::own), 2U);
}

TEST_F(ServerBehindProxyProtocol, OthersAreServedAsThemselves) {
  ServerUnderTest server(answer_client, options_);
  RawClient client(server.port(), 0, other_address);
  client.send(get("/"));
  EXPECT_THAT(client.reply().body, StartsWith("127.0.0.2:"));
  // The method PROXY is unknown, and a request has no bytes like those of version 2.
  for (const auto& [header, status] : {std::pair(header_of(7), 501), {v4_header(), 400}}) {
    RawClient liar(server.port(), 0, other_address);
    liar.send(header + get("/"));
    EXPECT_EQ(liar.reply().status, status);
  }
}

TEST_F(ServerBehindProxyProtocol, WithoutAHeaderTheConnectionIsClosed) {
  ServerUnderTest server(answer_client, options_);
  std::string wrong = v4_header(field(3, "crc!"));
  for (const std::string& bytes :
       {get("/"), std::string("PROXY TCP4 nonsense\r\n"), wrong, std::string("\x16\x03\x01")}) {
    RawClient client(server.port());
    client.send(bytes);
    EXPECT_EQ(client.read_all(), "");
  }
  EXPECT_THAT(server.wait_not_forwarded(4), ElementsAre(Forwarding::missing, Forwarding::malformed,
                                                        Forwarding::checksum, Forwarding::missing));
  EXPECT_EQ(counted(Forwarding::missing), 2U);
  EXPECT_EQ(server.handled(), 0U);
  server.wait_idle();
}

TEST_F(ServerBehindProxyProtocol, TheHeaderHasADeadline) {
  options_.header_timeout = std::chrono::milliseconds(50);
  ServerUnderTest server(answer_client, options_);
  RawClient client(server.port());
  client.send(header_of(7).substr(0, 20));
  EXPECT_EQ(client.read_all(), "");
  EXPECT_THAT(server.wait_not_forwarded(1), ElementsAre(Forwarding::timeout));
  server.wait_idle();
}

TEST_F(ServerBehindProxyProtocol, AConnectionWithoutBytesIsACheckOfThePort) {
  ServerUnderTest server(answer_client, options_);
  {
    RawClient client(server.port());
    server.wait_connections(1);
  }
  server.wait_idle();
  EXPECT_EQ(counted(Forwarding::closed), 1U);
  RawClient client(server.port());
  client.send("GET /");
  EXPECT_EQ(client.read_all(), "");
  EXPECT_THAT(server.wait_not_forwarded(1), ElementsAre(Forwarding::missing)) << "the first report";
}

TEST_F(ServerBehindProxyProtocol, TheBoundOnConnectionsIsThatOfTheClient) {
  options_.limits.connections = 8;
  options_.limits.connections_each = 1;
  ServerUnderTest server(answer_client, options_);
  std::vector<std::unique_ptr<RawClient>> held;
  const auto status = [&](int last) {
    held.push_back(std::make_unique<RawClient>(server.port()));
    held.back()->send(header_of(last) + get("/"));
    return held.back()->reply().status;
  };
  for (int i = 0; i < 4; ++i) EXPECT_EQ(status(7), 200);
  EXPECT_EQ(status(7), 429);
  EXPECT_EQ(status(8), 200) << "another client behind the same proxy";
}

TEST_F(ServerBehindProxyProtocol, WaitingConnectionsTakePlacesAndMakeRoom) {
  options_.limits.connections = 4;
  options_.displaces = ServerOptions::Displaces::idle;
  ServerUnderTest server(answer_client, options_);
  std::vector<std::unique_ptr<RawClient>> waiting;
  for (std::size_t i = 1; i <= 4; ++i) {
    waiting.push_back(std::make_unique<RawClient>(server.port()));
    server.wait_connections(i);
  }
  RawClient other(server.port(), 0, other_address);
  other.send(get("/"));
  EXPECT_EQ(other.reply().status, 200);
  EXPECT_EQ(waiting[0]->read_all(), "") << "it has waited longest";
  EXPECT_EQ(counted(Forwarding::displaced), 1U);
  waiting[1]->send(header_of(7) + get("/"));
  EXPECT_EQ(waiting[1]->reply().status, 200);
}

TEST_F(ServerBehindProxyProtocol, ADrainWaitsForAHeader) {
  ServerUnderTest server(answer_client, options_);
  RawClient client(server.port());
  client.send(header_of(7).substr(0, 20));
  server.wait_connections(1);
  auto drained = std::make_shared<std::promise<void>>();
  auto ended = drained->get_future();
  server.server().drain(Next::none, [drained] { drained->set_value(); });
  for (int turn = 0; turn < 3; ++turn) server.on_loop([] {});
  EXPECT_NE(ended.wait_for(std::chrono::seconds(0)), std::future_status::ready);
  client.send(header_of(7).substr(20) + get("/"));
  const RawClient::Reply reply = client.reply();
  EXPECT_EQ(reply.body, "203.0.113.7:51234 via 127.0.0.1");
  EXPECT_THAT(reply.head, HasSubstr("Connection: close"));
  EXPECT_EQ(ended.wait_for(std::chrono::seconds(20)), std::future_status::ready);
}

TEST_F(ServerBehindProxyProtocol, ADrainEndsConnectionsWithoutAHeaderOrARequest) {
  options_.header_timeout = std::chrono::minutes(10);
  ServerUnderTest server(answer_client, options_);
  RawClient silent(server.port());
  RawClient idle(server.port());
  server.wait_connections(2);
  auto drained = std::make_shared<std::promise<void>>();
  auto ended = drained->get_future();
  server.server().drain(Next::none, [drained] { drained->set_value(); });
  server.on_loop([] {});
  idle.send(header_of(7));
  EXPECT_EQ(ended.wait_for(std::chrono::seconds(20)), std::future_status::ready);
  EXPECT_EQ(silent.read_all(), "");
  EXPECT_EQ(idle.read_all(), "");
}

TEST_F(ServerBehindProxyProtocol, AnotherListOfProxiesHoldsForNewConnections) {
  ServerUnderTest server(answer_client, options_);
  RawClient before(server.port());
  before.send(header_of(7) + get("/"));
  EXPECT_THAT(before.reply().body, StartsWith("203.0.113.7"));
  server.server().trust(proxies(ForwardingProtocol::proxy, other_address));
  server.on_loop([] {});
  before.send(get("/"));
  EXPECT_THAT(before.reply().body, StartsWith("203.0.113.7")) << "the header was read";
  RawClient direct(server.port());
  direct.send(get("/"));
  EXPECT_THAT(direct.reply().body, StartsWith("127.0.0.1:"));
  RawClient proxy(server.port(), 0, other_address);
  proxy.send(header_of(8) + get("/"));
  EXPECT_THAT(proxy.reply().body, StartsWith("203.0.113.8"));
  server.server().trust(nullptr);
  server.on_loop([] {});
  RawClient nobody(server.port(), 0, other_address);
  nobody.send(get("/"));
  EXPECT_THAT(nobody.reply().body, StartsWith("127.0.0.2:"));
}

class ServerBehindForwardedFor : public ServerBehindProxies {
 protected:
  ServerBehindForwardedFor() : ServerBehindProxies(ForwardingProtocol::x_forwarded_for) {}
};

TEST_F(ServerBehindForwardedFor, TheClientIsThatOfTheRequest) {
  ServerUnderTest server(answer_client, options_);
  RawClient client(server.port());
  for (int last = 1; last <= 3; ++last) {
    client.send(forwarded("198.51.100.1, 203.0.113." + std::to_string(last)));
    EXPECT_EQ(client.reply().body, "203.0.113." + std::to_string(last) + " via 127.0.0.1");
  }
  client.send(get("/"));
  EXPECT_THAT(client.reply().body, StartsWith("127.0.0.1:")) << "the proxy's own request";
  EXPECT_EQ(counted(Forwarding::ok), 3U);
  EXPECT_EQ(counted(Forwarding::own), 1U);
}

TEST_F(ServerBehindForwardedFor, OthersCannotGiveThemselvesAnAddress) {
  ServerUnderTest server(answer_client, options_);
  RawClient client(server.port(), 0, other_address);
  for (const char* value : {"203.0.113.7", "127.0.0.1", "unknown"}) {
    client.send(forwarded(value));
    EXPECT_THAT(client.reply().body, StartsWith("127.0.0.2:")) << value;
  }
}

TEST_F(ServerBehindForwardedFor, AnEntryThatIsNoAddressIsRefused) {
  ServerUnderTest server(answer_client, options_);
  RawClient client(server.port());
  client.send(forwarded("203.0.113.7, unknown"));
  const RawClient::Reply reply = client.reply();
  EXPECT_EQ(reply.status, 400);
  EXPECT_THAT(reply.body, HasSubstr("X-Forwarded-For"));
  client.send(forwarded("203.0.113.7"));
  EXPECT_EQ(client.reply().status, 200) << "the connection serves other clients";
  EXPECT_THAT(server.wait_not_forwarded(1), ElementsAre(Forwarding::malformed));
}

TEST_F(ServerBehindForwardedFor, AProxyMayHoldAllConnections) {
  options_.limits.connections = 4;
  options_.limits.connections_each = 1;
  ServerUnderTest server(answer_client, options_);
  std::vector<std::unique_ptr<RawClient>> held;
  for (int i = 0; i < 4; ++i) {
    held.push_back(std::make_unique<RawClient>(server.port()));
    held.back()->send(forwarded("203.0.113.7"));
    EXPECT_EQ(held.back()->reply().status, 200) << i;
  }
  RawClient more(server.port());
  more.send(get("/"));
  EXPECT_EQ(more.reply().status, 503) << "all clients together have their bound";
}

TEST_F(ServerBehindForwardedFor, TheMissesOfEachClientAreBounded) {
  ClientShares shares({.misses_each = 1});
  options_.shares = &shares;
  std::vector<ExchangePtr> waiting;
  ServerUnderTest server(
      [&](const ExchangePtr& exchange) {
        if (exchange->begin_request("") && exchange->begin_miss())
          waiting.push_back(exchange);
        else
          exchange->reply(ReplyHead(429), std::string_view("no more"));
      },
      options_);
  RawClient first(server.port());
  first.send(forwarded("203.0.113.7"));
  server.wait_handled(1);
  RawClient second(server.port());
  second.send(forwarded("203.0.113.7"));
  EXPECT_EQ(second.reply().status, 429);
  second.send(forwarded("203.0.113.8"));
  server.wait_handled(3);
  server.on_loop([&] {
    EXPECT_EQ(waiting.size(), 2U);
    for (const ExchangePtr& exchange : std::exchange(waiting, {})) answer_client(exchange);
  });
  EXPECT_EQ(first.reply().status, 200);
  EXPECT_EQ(second.reply().body, "203.0.113.8 via 127.0.0.1");
}

TEST_F(ServerBehindForwardedFor, AnotherListOfProxiesHoldsForTheNextRequest) {
  ServerUnderTest server(answer_client, options_);
  RawClient client(server.port());
  client.send(forwarded("203.0.113.7"));
  EXPECT_THAT(client.reply().body, StartsWith("203.0.113.7"));
  server.server().trust(nullptr);
  server.on_loop([] {});
  client.send(forwarded("203.0.113.7"));
  EXPECT_THAT(client.reply().body, StartsWith("127.0.0.1:"));
}

}  // namespace
}  // namespace entrepot::http
