// SPDX-License-Identifier: Apache-2.0
#include "proxy/access/jwt/base64url.h"

#include <gtest/gtest.h>

#include "tests/unit/proxy/access/jwt/signing_key.h"

namespace entrepot::access {
namespace {

TEST(Base64url, DecodesEachLength) {
  // RFC 4648 §10, without padding.
  EXPECT_EQ(decode_base64url(""), "");
  EXPECT_EQ(decode_base64url("Zg"), "f");
  EXPECT_EQ(decode_base64url("Zm8"), "fo");
  EXPECT_EQ(decode_base64url("Zm9v"), "foo");
  EXPECT_EQ(decode_base64url("Zm9vYg"), "foob");
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  EXPECT_EQ(decode_base64url(base64url(all)), all);
}

TEST(Base64url, ATextHasOneFormOnly) {
  for (const char* text :
       {"Z", "Zm9vY", "Zg==", "Zm8=", "Zm9v\n", " Zm9v", "Zm+v", "Zm/v", "Zm.v", "Zh", "Zm9"}) {
    EXPECT_FALSE(decode_base64url(text)) << text;
  }
}

}  // namespace
}  // namespace entrepot::access
