// SPDX-License-Identifier: Apache-2.0
#include "proxy/access/jwt/discovery.h"

#include <gmock/gmock.h>

namespace entrepot::access {
namespace {

using testing::HasSubstr;

std::string url_or_fault(std::string_view text) {
  const auto url = keys_url(text, "https://issuer/a");
  const auto* fault = std::get_if<Fault>(&url);
  return fault == nullptr ? std::get<std::string>(url) : "fault: " + fault->text;
}

TEST(Discovery, TheMetadataIsBelowTheIssuer) {
  EXPECT_EQ(metadata_url("https://issuer/a"), "https://issuer/a/.well-known/openid-configuration");
  EXPECT_EQ(metadata_url("https://issuer/"), "https://issuer/.well-known/openid-configuration");
}

TEST(Discovery, TheMetadataIsOfTheIssuer) {
  EXPECT_EQ(url_or_fault(R"({"issuer":"https://issuer/a","jwks_uri":"https://k","more":[1]})"),
            "https://k");
  EXPECT_THAT(url_or_fault("[]"), HasSubstr("no JSON object"));
  EXPECT_THAT(url_or_fault(R"({"jwks_uri":"https://k"})"), HasSubstr("no \"issuer\""));
  EXPECT_THAT(url_or_fault(R"({"issuer":"https://issuer/a/","jwks_uri":"https://k"})"),
              HasSubstr("is of \"https://issuer/a/\""));
  for (const char* uri : {"", R"(,"jwks_uri":7)", R"(,"jwks_uri":"")"})
    EXPECT_THAT(url_or_fault(R"({"issuer":"https://issuer/a")" + std::string(uri) + "}"),
                HasSubstr("no \"jwks_uri\""));
}

}  // namespace
}  // namespace entrepot::access
