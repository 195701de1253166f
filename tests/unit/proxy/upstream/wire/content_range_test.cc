// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/wire/content_range.h"

#include <gtest/gtest.h>

#include <ctime>
#include <string>
#include <vector>

namespace entrepot::upstream {
namespace {

// --- Content-Range ------------------------------------------------------------------------------

TEST(ContentRange, ReadsPartAndTotal) {
  EXPECT_EQ(parse_content_range("bytes 5-9/10"),
            (ContentRange{.part = ContentRange::Part{5, 9}, .total = 10}));
  EXPECT_EQ(parse_content_range("BYTES 0-0/*"),
            (ContentRange{.part = ContentRange::Part{0, 0}, .total = {}}));
  EXPECT_EQ(parse_content_range("bytes */7"), (ContentRange{.part = {}, .total = 7}));
}

TEST(ContentRange, RefusesWhatContradictsItself) {
  for (const char* value :
       {"", "bytes", "bytes 5-9", "bytes 9-5/10", "bytes 5-10/10", "bytes -5/10", "bytes 5-/10",
        "bytes */*", "items 0-1/2", "bytes 0-1/2/3", "bytes 0-1/-2", "bytes +0-1/2",
        "bytes 0-18446744073709551616/99999999999999999999", "bytes 0x0-1/2", "bytes 0 - 1/2"}) {
    EXPECT_EQ(parse_content_range(value), std::nullopt) << value;
  }
}

}  // namespace
}  // namespace entrepot::upstream
