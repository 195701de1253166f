// SPDX-License-Identifier: Apache-2.0
// How an endpoint wants to be asked: for all repositories, or for one.
#include "proxy/upstream/auth/schemes.h"

#include <gtest/gtest.h>

#include <string>

namespace entrepot::upstream {
namespace {

AuthScheme bearer(std::string realm) {
  return {.kind = AuthScheme::Kind::bearer, .realm = std::move(realm), .service = {}, .scope = {}};
}

std::string realm_of(const Schemes& schemes, const std::string& repository) {
  const AuthScheme* scheme = schemes.of(repository);
  return scheme == nullptr ? "none" : scheme->realm;
}

TEST(Schemes, ARealmWithAScopeIsOfOneQuestion) {
  for (const char* realm : {"https://r/t?scope=repository:a:pull", "https://r/t?service=s&scope=",
                            "https://r/t?Scope=x#f", "?scope", "https://r/t?a&scope&b"})
    EXPECT_TRUE(bearer(realm).of_one_question()) << realm;
  for (const char* realm :
       {"https://r/t", "https://r/scope=", "https://r/t?", "https://r/t?&&", "https://r/t?scopes=x",
        "https://r/t?a=scope=", "https://r/t?a#&scope=", ""})
    EXPECT_FALSE(bearer(realm).of_one_question()) << realm;
}

TEST(Schemes, RemembersARealmOfOneRequestForItsRepositoryOnly) {
  Schemes schemes;
  EXPECT_EQ(realm_of(schemes, "a"), "none");
  schemes.learn("a", bearer("https://r/t?scope=a"));
  EXPECT_EQ(realm_of(schemes, "a"), "https://r/t?scope=a");
  EXPECT_EQ(realm_of(schemes, "b"), "none");
  schemes.learn("b", bearer("https://all/t"));
  EXPECT_EQ(realm_of(schemes, "a"), "https://r/t?scope=a");
  EXPECT_EQ(realm_of(schemes, "c"), "https://all/t");
  schemes.learn("a", bearer("https://all/t"));
  EXPECT_EQ(realm_of(schemes, "a"), "https://all/t");
}

TEST(Schemes, ScopesAreNotKept) {
  Schemes schemes;
  auto scheme = bearer("https://r/t");
  scheme.scope = "repository:a:pull";
  schemes.learn("a", scheme);
  EXPECT_EQ(schemes.of("a")->scope, "");
}

TEST(Schemes, OnlyWhatFailedIsForgotten) {
  Schemes schemes;
  schemes.learn("a", bearer("https://r/t?scope=a"));
  schemes.learn("b", bearer("https://all/t"));
  schemes.forget("c", bearer("https://other/t"));
  EXPECT_EQ(realm_of(schemes, "c"), "https://all/t");
  schemes.forget("a", bearer("https://all/t"));
  EXPECT_EQ(realm_of(schemes, "a"), "https://r/t?scope=a");
  schemes.forget("a", bearer("https://r/t?scope=a"));
  EXPECT_EQ(realm_of(schemes, "a"), "https://all/t");
  schemes.forget("a", bearer("https://all/t"));
  EXPECT_EQ(realm_of(schemes, "c"), "none");
}

TEST(Schemes, TheOldestLeaves) {
  Schemes schemes;
  for (std::size_t i = 0; i <= Schemes::most_own; ++i)
    schemes.learn("r" + std::to_string(i), bearer("https://r/t?scope=" + std::to_string(i)));
  EXPECT_EQ(realm_of(schemes, "r0"), "none");
  EXPECT_EQ(realm_of(schemes, "r1"), "https://r/t?scope=1");
}

}  // namespace
}  // namespace entrepot::upstream
