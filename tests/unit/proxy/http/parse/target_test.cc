// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/parse/target.h"

#include <gtest/gtest.h>

#include <string>

namespace entrepot::http {
namespace {

TEST(CheckTarget, AcceptsPrintableAsciiExceptTheNumberSignAtEachPlace) {
  // Lengths around eight bytes, which are checked together.
  for (const std::size_t length : {2U, 7U, 8U, 9U, 15U, 16U, 17U})
    for (std::size_t at = 1; at < length; ++at)
      for (int byte = 0; byte < 256; ++byte) {
        std::string target(length, 'v');
        target[0] = '/';
        target[at] = static_cast<char>(byte);
        const bool taken = byte > 0x20 && byte < 0x7f && byte != '#';
        EXPECT_EQ(check_target(target) == nullptr, taken)
            << "byte " << byte << " at " << at << " of " << length;
      }
}

TEST(CheckTarget, RequiresAPath) {
  EXPECT_NE(check_target(""), nullptr);
  EXPECT_NE(check_target("v2/0123456789"), nullptr);
}

}  // namespace
}  // namespace entrepot::http
