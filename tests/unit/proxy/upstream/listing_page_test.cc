// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/listing_page.h"

#include <gtest/gtest.h>

#include <string>

namespace entrepot::upstream {
namespace {

const std::string digest = "sha256:" + std::string(64, 'a');

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

/// A descriptor with these members before and behind those it must have.
std::string descriptor(const std::string& before, const std::string& behind = "") {
  return "{" + before + R"("mediaType" : "a/b", "size":1, "digest":")" + digest + '"' + behind +
         " }";
}
cache::Listing page_of(const std::string& elements) {
  cache::Listing listing;
  EXPECT_TRUE(
      add_referrers_page(R"({"manifests": [)" + elements + R"(], "annotations": {}})", listing)
          .readable);
  return listing;
}

TEST(ReferrersPage, DescriptorsStayAsTheyAreWritten) {
  const std::string first =
      descriptor(R"("z":{"artifactType":"no","l":[1,{}]}, "artifactType":"t/1",)");
  const std::string second = descriptor("", R"(,"a":"}\"{","n":1.50,"u":"\u00e9")");
  const std::string third = descriptor("", R"( , "artifactType" :"t/1")");
  const auto listing = page_of(first + " ,\n" + second + "," + third);
  EXPECT_EQ(listing.referrers, first + "," + second + "," + third);
  ASSERT_EQ(listing.referrers_by_type.size(), 1U);
  EXPECT_EQ(listing.referrers_by_type.at("t/1"), first + "," + third);
}

TEST(ReferrersPage, WhatIsNoDescriptorIsLeftOut) {
  const std::string right = descriptor("");
  EXPECT_EQ(page_of(R"({},1,"text",[)" + right + R"(],null,{"digest":"x"},)" + right +
                    R"(,{"manifests":[)" + right + "]}")
                .referrers,
            right);
  EXPECT_EQ(page_of(descriptor(R"("x":1,)", R"(,"digest":7)")).referrers, "")
      << "the last one counts";
  EXPECT_EQ(page_of(descriptor("", R"(,"size":-1)")).referrers, "");
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
