// SPDX-License-Identifier: Apache-2.0
#include "conf/listen_address.h"

#include <gtest/gtest.h>

namespace entrepot::conf {
namespace {

TEST(ListenAddress, SpellingsOfOne) {
  EXPECT_TRUE(same_listen_address("127.0.0.1:80", "127.0.0.1:080"));
  EXPECT_TRUE(same_listen_address("[::1]:80", "[0:0::1]:80"));
  EXPECT_TRUE(same_listen_address("[::ffff:127.0.0.1]:80", "127.0.0.1:80"));
  EXPECT_TRUE(same_listen_address("unix:/run/a", "unix:/run/b/..//a"));
  EXPECT_FALSE(same_listen_address("127.0.0.1:80", "127.0.0.1:81"));
  EXPECT_FALSE(same_listen_address("127.0.0.1:80", "127.0.0.2:80"));
  EXPECT_FALSE(same_listen_address("127.0.0.1:0", "127.0.0.1:0"));
  EXPECT_FALSE(same_listen_address("unix:/run/a", "unix:/run/b"));
  EXPECT_FALSE(same_listen_address("unix:/run/a:80", "127.0.0.1:80"));
  for (const char* bad : {"", "80", ":80", "[:80", "[]:80", "here:80"})
    EXPECT_FALSE(same_listen_address(bad, bad)) << bad;
}

TEST(ListenAddress, AnyCoversTheOthersOfItsPort) {
  EXPECT_TRUE(covers_listen_address("0.0.0.0:80", "127.0.0.1:80"));
  EXPECT_TRUE(covers_listen_address("127.0.0.1:80", "0.0.0.0:80"));
  EXPECT_TRUE(covers_listen_address("[::]:80", "0.0.0.0:80"));
  EXPECT_TRUE(covers_listen_address("[::]:80", "127.0.0.1:80"));
  EXPECT_TRUE(covers_listen_address("[::1]:80", "[::]:80"));
  EXPECT_TRUE(covers_listen_address("0.0.0.0:80", "[::ffff:127.0.0.1]:80"));
  EXPECT_FALSE(covers_listen_address("0.0.0.0:80", "[::1]:80"));
  EXPECT_FALSE(covers_listen_address("0.0.0.0:80", "127.0.0.1:81"));
  EXPECT_FALSE(covers_listen_address("0.0.0.0:0", "127.0.0.1:0"));
  EXPECT_FALSE(covers_listen_address("127.0.0.1:80", "127.0.0.2:80"));
  EXPECT_FALSE(covers_listen_address("unix:/[::]:80", "[::]:80"));
}

}  // namespace
}  // namespace entrepot::conf
