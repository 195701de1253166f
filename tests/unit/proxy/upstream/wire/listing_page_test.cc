// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/wire/listing_page.h"

#include <gtest/gtest.h>

#include <string>

namespace entrepot::upstream {
namespace {

TEST(ListingPage, TakesTagsAndLeavesTheRest) {
  cache::Listing listing;
  const auto page = add_tags_page(
      R"({"name":"a/b","tags":["v1","latest","-bad","",null,1,["deep"],{"tags":["no"]},"a b"]})",
      listing);
  EXPECT_TRUE(page.readable);
  EXPECT_EQ(page.entries, 2U);
  EXPECT_TRUE(add_tags_page(R"({"tags":null,"other":["x"]})", listing).readable);
  EXPECT_TRUE(add_tags_page(R"({"nested":{"tags":["no"]},"tags":["v2"]})", listing).readable);
  EXPECT_EQ(listing.tags, "v1\nlatest\nv2\n");
}

TEST(ListingPage, RefusesWhatIsNoTagsPage) {
  cache::Listing listing;
  for (const std::string& page :
       {std::string(), std::string("{}"), std::string("[]"), std::string("null"),
        std::string(R"(["tags"])"), std::string(R"({"tags":"v1"})"), std::string(R"({"tags":[)"),
        std::string("<html>"), "{\"tags\":" + std::string(40, '[') + std::string(40, ']') + "}"}) {
    EXPECT_FALSE(add_tags_page(page, listing).readable) << page;
  }
}

TEST(ListingPage, TagGrammar) {
  EXPECT_TRUE(is_tag("latest"));
  EXPECT_TRUE(is_tag("_"));
  EXPECT_TRUE(is_tag("sha256-ab.sig"));
  EXPECT_TRUE(is_tag(std::string(128, 'a')));
  for (const std::string& bad :
       {std::string(), std::string(".a"), std::string("-a"), std::string("a/b"), std::string("a\n"),
        std::string("\xc3\xa9"), std::string(129, 'a')}) {
    EXPECT_FALSE(is_tag(bad)) << bad;
  }
}

/// A descriptor of a digest of this digit, with these members before and behind those it must have.
std::string descriptor(char digit, const std::string& before, const std::string& behind = "") {
  return "{" + before + R"("mediaType" : "a/b", "size":1, "digest":"sha256:)" +
         std::string(64, digit) + '"' + behind + " }";
}
cache::Referrers page_of(const std::string& elements) {
  cache::Listing listing;
  EXPECT_TRUE(
      add_referrers_page(R"({"manifests": [)" + elements + R"(], "annotations": {}})", listing)
          .readable);
  return cache::Referrers(listing.referrers);
}

TEST(ReferrersPage, DescriptorsStayAsTheyAreWritten) {
  const std::string first =
      descriptor('a', R"("z":{"artifactType":"no","l":[1,{}]}, "artifactType":"t/1",)");
  const std::string second = descriptor('c', "", R"(,"a":"}\"{","n":1.50,"u":"\u00e9")");
  const std::string third = descriptor('b', "", R"( , "artifactType" :"t/1")");
  const auto referrers = page_of(first + " ,\n" + second + "," + third);
  EXPECT_EQ(*referrers.text(), second + "," + first + "," + third);
  EXPECT_EQ(referrers.elements(referrers.of_type("t/1")), first + "," + third);
}

TEST(ReferrersPage, ATypeThatNobodyCanAskForIsNone) {
  for (const std::string& type : {std::string("a\\u0001b"), std::string(256, 'a')}) {
    const auto referrers = page_of(descriptor('a', R"("artifactType":")" + type + "\","));
    EXPECT_EQ(referrers.place_of(0).artifact_type, "");
  }
}

TEST(ReferrersPage, RefusesADescriptorThatFitsIntoNoPage) {
  cache::Listing listing;
  const auto with = [&](std::size_t size) {
    return add_referrers_page(
        R"({"manifests":[)" + descriptor('a', R"("a":")" + std::string(size, 'x') + "\",") + "]}",
        listing);
  };
  EXPECT_TRUE(with(max_descriptor - 200).readable);
  EXPECT_FALSE(with(max_descriptor).readable);
}

TEST(ListingPage, FingerprintIsThatOfItsEntries) {
  cache::Listing listing;
  const auto print = [&](const char* tags) {
    return add_tags_page(R"({"tags":)" + std::string(tags) + "}", listing).fingerprint;
  };
  EXPECT_EQ(print(R"(["a","b"])"), print(R"([ "b", "a" ],"more":1)"));
  EXPECT_NE(print(R"(["a","b"])"), print(R"(["a","c"])"));
}

TEST(ReferrersPage, OmitsEntriesThatAreNoDescriptors) {
  const std::string right = descriptor('a', "");
  const std::string other = descriptor('b', "");
  EXPECT_EQ(*page_of(R"({},1,"text",[)" + other + R"(],null,{"digest":"x"},)" + right +
                     R"(,{"manifests":[)" + other + "]}")
                 .text(),
            right);
  EXPECT_EQ(page_of(descriptor('a', R"("x":1,)", R"(,"digest":7)")).size(), 0U)
      << "the last one counts";
  EXPECT_EQ(page_of(descriptor('a', "", R"(,"size":-1)")).size(), 0U);
}

TEST(ReferrersPage, RefusesWhatIsNoIndex) {
  const std::string deep(40, '[');
  for (const std::string& text :
       {std::string(), std::string("[]"), std::string("{"), std::string(R"({"manifests":1})"),
        std::string(R"({"manifest":[]})"), std::string(R"({"manifests":[]} x)"),
        R"({"manifests":[)" + deep, std::string("{\"manifests\":[{\"a\":\"\xff\"}]}")}) {
    cache::Listing listing;
    EXPECT_FALSE(add_referrers_page(text, listing).readable) << text;
  }
  cache::Listing listing;
  EXPECT_TRUE(add_referrers_page(R"({"manifests":null})", listing).readable);
}

}  // namespace
}  // namespace entrepot::upstream
