// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/wire/credential.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "proxy/base/secret.h"

namespace entrepot::upstream {
namespace {

TEST(CredentialTest, EncodesBasicAndWipes) {
  EXPECT_EQ(Credential("user", "secret").basic(), "Basic dXNlcjpzZWNyZXQ=");
  EXPECT_EQ(Credential("", "").basic(), "Basic Og==");
  std::string secret = "a secret that is longer than the small string buffer";
  const char* memory = secret.data();
  const std::size_t size = secret.size();
  wipe(secret);
  EXPECT_EQ(secret, "");
  EXPECT_EQ(std::string_view(memory, size), std::string(size, '\0'));
}

}  // namespace
}  // namespace entrepot::upstream
