// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/client/clients.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <vector>

namespace entrepot::http {
namespace {

using testing::Each;
using testing::Ge;
using testing::SizeIs;

ClientAddress client(std::uint32_t n) {
  sockaddr_storage storage{};
  auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
  v4.sin_family = AF_INET;
  v4.sin_addr.s_addr = htonl(0x0a000000 + n);
  return ClientAddress::of(storage);
}

class ClientsTest : public testing::Test {
 protected:
  /// Admits connections of client `n` until one is refused.
  std::vector<Clients::Share> take_all(Clients& clients, std::uint32_t n) {
    std::vector<Clients::Share> taken;
    for (;;) {
      auto [verdict, told, share] = clients.admit(client(n));
      if (verdict != Clients::Verdict::admitted) return taken;
      taken.push_back(std::move(share));
    }
  }
};

TEST_F(ClientsTest, OneClientGetsHalfOfThePlaces) {
  Clients clients({.connections = 1000, .connections_each = 10});
  const auto greedy = take_all(clients, 1);
  EXPECT_THAT(greedy, SizeIs(500));
  EXPECT_EQ(clients.admit(client(1)).verdict, Clients::Verdict::over_share);
  EXPECT_EQ(clients.admit(client(2)).verdict, Clients::Verdict::admitted);
}

TEST_F(ClientsTest, OtherBoundsCountForNewConnections) {
  Clients clients({.connections = 10, .connections_each = 2});
  auto greedy = take_all(clients, 1);
  EXPECT_THAT(greedy, SizeIs(5));
  clients.limit({.connections = 20, .connections_each = 2});
  EXPECT_THAT(take_all(clients, 1), SizeIs(5)) << "ten of twenty";
  clients.limit({.connections = 4, .connections_each = 2});
  EXPECT_EQ(clients.admit(client(2)).verdict, Clients::Verdict::full) << "five are open";
  greedy.clear();
  EXPECT_EQ(clients.admit(client(2)).verdict, Clients::Verdict::admitted);
}

TEST_F(ClientsTest, SeveralClientsLeaveAsManyPlacesAsEachHas) {
  Clients clients({.connections = 1000, .connections_each = 10});
  std::vector<std::vector<Clients::Share>> held(9);
  // The clients connect in turns.
  for (bool more = true; more;) {
    more = false;
    for (std::uint32_t n = 0; n < held.size(); ++n) {
      auto [verdict, told, share] = clients.admit(client(n));
      if (verdict != Clients::Verdict::admitted) continue;
      held[n].push_back(std::move(share));
      more = true;
    }
  }
  EXPECT_THAT(held, Each(SizeIs(Ge(99U))));
  EXPECT_GE(1000 - clients.connections(), 99U);
}

TEST_F(ClientsTest, AClientWithFewConnectionsIsAdmittedWhileAPlaceIsFree) {
  Clients clients({.connections = 100, .connections_each = 10});
  std::vector<std::vector<Clients::Share>> held;
  for (std::uint32_t n = 0; n < 20; ++n) held.push_back(take_all(clients, n));
  EXPECT_EQ(clients.connections(), 100U);
  EXPECT_EQ(clients.admit(client(30)).verdict, Clients::Verdict::full);
  held[0].pop_back();
  EXPECT_EQ(clients.admit(client(30)).verdict, Clients::Verdict::admitted);
}

TEST_F(ClientsTest, OneClientMayHaveAllPlacesIfItsShareIsAll) {
  Clients clients({.connections = 100, .connections_each = 100});
  EXPECT_THAT(take_all(clients, 1), SizeIs(100));
}

TEST_F(ClientsTest, OnlyABoundedNumberOfRefusedConnectionsGetAnAnswer) {
  Clients clients({.connections = 4, .connections_each = 1});
  const auto greedy = take_all(clients, 1);
  std::vector<Clients::Share> told;
  for (std::size_t i = 0; i < Clients::most_told; ++i) {
    auto admission = clients.admit(client(1));
    EXPECT_EQ(admission.verdict, Clients::Verdict::over_share);
    EXPECT_TRUE(admission.told);
    told.push_back(std::move(admission.share));
  }
  EXPECT_FALSE(clients.admit(client(1)).told);
  EXPECT_EQ(clients.connections(), greedy.size() + told.size());
  EXPECT_EQ(clients.admit(client(2)).verdict, Clients::Verdict::admitted)
      << "refused connections take no places";
  told.clear();
  EXPECT_TRUE(clients.admit(client(1)).told);
}

TEST_F(ClientsTest, AnAssignedShareReturnsTheOldOne) {
  Clients clients({.connections = 2, .connections_each = 2});
  Clients::Share share = clients.admit(client(1)).share;
  share = clients.admit(client(2)).share;
  EXPECT_EQ(clients.connections(), 1U);
  EXPECT_TRUE(share.admitted());
  share = Clients::Share();
  EXPECT_EQ(clients.connections(), 0U);
  EXPECT_FALSE(share.admitted());
}

TEST_F(ClientsTest, AProxyHasTheBoundsOfAllClientsOnly) {
  using enum Clients::Verdict;
  Clients clients({.connections = 100, .connections_each = 1, .heads = 1000});
  std::vector<Clients::Share> proxy;
  for (int i = 0; i < 100; ++i) {
    auto [verdict, told, share] = clients.admit(client(1), Clients::Role::proxy);
    ASSERT_EQ(verdict, admitted) << i;
    proxy.push_back(std::move(share));
  }
  EXPECT_EQ(clients.admit(client(1), Clients::Role::proxy).verdict, full);
  EXPECT_EQ(proxy[0].hold_head(600), admitted);
  EXPECT_EQ(proxy[1].hold_head(400), admitted);
  EXPECT_EQ(proxy[2].hold_head(1), full);
  proxy.resize(99);
  EXPECT_EQ(clients.admit(client(1)).verdict, admitted)
      << "connections for others do not count as its own";
}

TEST_F(ClientsTest, OneClientMayHoldHalfOfTheHeadBytes) {
  using enum Clients::Verdict;
  Clients clients({.connections = 100, .connections_each = 50, .heads = 1000});
  auto mine = take_all(clients, 1);
  auto other = clients.admit(client(2)).share;
  EXPECT_EQ(mine[0].hold_head(300), admitted);
  EXPECT_EQ(mine[0].hold_head(400), admitted) << "the head grows";
  EXPECT_EQ(mine[1].hold_head(101), over_share);
  EXPECT_EQ(mine[1].hold_head(100), admitted);
  EXPECT_EQ(other.hold_head(500), admitted);
  mine[0].end_request();
  EXPECT_EQ(mine[1].hold_head(500), admitted);
  mine.clear();
  auto third = clients.admit(client(3)).share;
  EXPECT_EQ(third.hold_head(500), admitted) << "an ended connection returns its bytes";
  EXPECT_EQ(clients.admit(client(4)).share.hold_head(1), full) << "all bytes are in use";
}

}  // namespace
}  // namespace entrepot::http
