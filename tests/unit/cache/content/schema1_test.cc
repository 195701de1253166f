// SPDX-License-Identifier: Apache-2.0
// The digest of a signed schema 1 manifest, and malformed signatures.
#include "cache/content/schema1.h"

#include <gtest/gtest.h>

#include <string>

namespace entrepot::cache {
namespace {

// The signed payload is `{"fsLayers":[]` and `}`; of the signature only `protected` is read.
const std::string start = R"({"fsLayers":[])";

std::optional<Digest> digest_with(const std::string& is_protected) {
  return signed_payload_digest(
      Algorithm::sha256, start + R"(,"signatures":[{"protected":")" + is_protected + R"("}]})");
}

TEST(Schema1, HasTheDigestOfItsSignedPayload) {
  // {"formatLength":14,"formatTail":"fQ"}
  EXPECT_EQ(digest_with("eyJmb3JtYXRMZW5ndGgiOjE0LCJmb3JtYXRUYWlsIjoiZlEifQ"),
            digest_of(Algorithm::sha256, start + "}"));
}

TEST(Schema1, RejectsUnsignedManifests) {
  for (const std::string document :
       {"", "[]", "{}", R"({"fsLayers":[]})", R"({"fsLayers":[],"signatures":[]})",
        R"({"fsLayers":[],"signatures":{}})", R"({"fsLayers":[],"signatures":[1]})",
        R"({"fsLayers":[],"signatures":[{"protected":1}]})"})
    EXPECT_FALSE(signed_payload_digest(Algorithm::sha256, document)) << document;
}

TEST(Schema1, RejectsMalformedProtectedHeaders) {
  for (const std::string wrong : {
           "", "A", "+/==", "e30=",                                   // no base64url
           "e30",                                                     // {}
           "W10",                                                     // []
           "eyJmb3JtYXRMZW5ndGgiOi0xLCJmb3JtYXRUYWlsIjoiZlEifQ",      // a length of -1
           "eyJmb3JtYXRMZW5ndGgiOjk5OTk5LCJmb3JtYXRUYWlsIjoiZlEifQ",  // one past the end
           "eyJmb3JtYXRMZW5ndGgiOjE0LCJmb3JtYXRUYWlsIjpbXX0",         // a tail that is a list
       })
    EXPECT_FALSE(digest_with(wrong)) << wrong;
  EXPECT_FALSE(digest_with(std::string(2048, 'A')));
}

}  // namespace
}  // namespace entrepot::cache
