// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/tls/tls_state.h"

#include <gtest/gtest.h>

namespace entrepot::http::tls {
namespace {

TEST(TlsState, HasTheTransitionsOfItsTable) {
  using enum TlsState;
  for (const TlsState to : {open, plain, stopped}) EXPECT_TRUE(may_follow(handshake, to));
  for (const TlsState from : {open, plain}) {
    EXPECT_TRUE(may_follow(from, stopped));
    for (const TlsState to : {handshake, open, plain}) EXPECT_FALSE(may_follow(from, to));
  }
  for (const TlsState to : {handshake, open, plain, stopped}) EXPECT_FALSE(may_follow(stopped, to));
  EXPECT_EQ(to_string(plain), "plain");
}

}  // namespace
}  // namespace entrepot::http::tls
