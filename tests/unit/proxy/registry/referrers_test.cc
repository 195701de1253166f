// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "proxy/registry/referrers_page.h"
#include "tests/unit/proxy/registry/site.h"

namespace entrepot::registry {
namespace {

using testing::ElementsAre;

const std::string subject = digest_text("subject");
const std::string target = "/v2/a/b/referrers/" + subject;
const std::string key = "docker.io/a/b/referrers/" + subject;
constexpr const char* x_type = "application/x+json";
const std::string x_descriptor =
    R"({"digest":"sha256:1","artifactType":"application/x+json","annotations":{"b":"1", "a":"2"}})";
const std::string y_descriptor = R"({"digest":"sha256:2","artifactType":"application/y"})";
const std::string z_descriptor = R"({"digest":"sha256:3"})";

std::string index_of(const std::string& descriptors) {
  return R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[)" +
         descriptors + "]}";
}

class Referrers : public testing::Test {
 protected:
  Referrers() {
    cache::Referrers::Gathered gathered;
    gathered.add("application/y", digest("y"), y_descriptor);
    gathered.add(x_type, digest("x"), x_descriptor);
    gathered.add("", digest("z"), z_descriptor);
    keep(gathered);
  }
  void keep(const cache::Referrers::Gathered& gathered) {
    cache::ListingAnswer answer;
    answer.referrers = std::make_shared<const cache::Referrers>(gathered);
    site.store.listings[key] = answer;
  }
  static cache::Digest digest(const std::string& of) {
    return cache::digest_of(cache::Algorithm::sha256, of);
  }
  Site site;
};

TEST_F(Referrers, Unfiltered) {
  const fakes::Reply reply = site.get(target);
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, index_of(z_descriptor + "," + x_descriptor + "," + y_descriptor))
      << "byte for byte";
  const std::map<std::string, std::string> expected = {{"Content-Type", std::string(oci_index)},
                                                       {"Cache-Control", "no-cache"},
                                                       {"Cache-Status", "entrepot; hit"}};
  EXPECT_EQ(reply.fields, expected);
  EXPECT_EQ(site.last_call().kind, metrics::Kind::referrers);
}

TEST_F(Referrers, Filtered) {
  for (const char* type : {"application/x+json", "application%2Fx%2Bjson"}) {
    const fakes::Reply reply = site.get(target + "?artifactType=" + type);
    EXPECT_EQ(reply.field("OCI-Filters-Applied"), "artifactType");
    EXPECT_EQ(reply.field("Content-Type"), oci_index);
    EXPECT_EQ(reply.body, index_of(x_descriptor));
  }
  const fakes::Reply none = site.get(target + "?artifactType=none");
  EXPECT_EQ(none.field("OCI-Filters-Applied"), "artifactType");
  EXPECT_EQ(none.body, index_of(""));
}

TEST_F(Referrers, SeveralTypesAreAlternatives) {
  EXPECT_EQ(site.get(target + "?artifactType=application/y&artifactType=no&"
                              "artifactType=application/x%2bjson&artifactType=application/y")
                .body,
            index_of(x_descriptor + "," + y_descriptor));
}

TEST_F(Referrers, AllReadersShareTheirTexts) {
  const auto& kept = *site.store.listings[key].referrers;
  for (const char* query : {"", "?artifactType=application/y"})
    EXPECT_THAT(site.get(target + query).shared, testing::Contains(kept.text()));
}

TEST_F(Referrers, IgnoresEmptyAndMalformedFilters) {
  for (const char* query : {"?artifactType=", "?artifactType=%zz", "?other=1"}) {
    const fakes::Reply reply = site.get(target + query);
    EXPECT_EQ(reply.field("OCI-Filters-Applied"), "") << query;
    EXPECT_EQ(reply.body, site.get(target).body);
  }
}

TEST_F(Referrers, UnknownSubjectsHaveNoReferrers) {
  const fakes::Reply reply = site.get("/v2/a/b/referrers/" + digest_text("unknown"));
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.field("Content-Type"), oci_index);
  const auto document = nlohmann::json::parse(reply.body);
  EXPECT_EQ(document["schemaVersion"], 2);
  EXPECT_EQ(document["mediaType"], oci_index);
  EXPECT_EQ(document["manifests"], nlohmann::json::array());
}

TEST_F(Referrers, BadDigest) {
  const fakes::Reply reply = site.get("/v2/a/b/referrers/sha256:bad");
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(code_of(reply), "DIGEST_INVALID");
}

TEST_F(Referrers, Failures) {
  cache::ListingAnswer answer;
  answer.outcome = metrics::Outcome::error;
  answer.failure.kind = cache::FailureKind::unavailable;
  answer.failure.message = "no route";
  site.store.listings[key] = answer;
  EXPECT_EQ(site.get(target).status, 503);
  answer.failure.kind = cache::FailureKind::denied;
  site.store.listings[key] = answer;
  EXPECT_EQ(code_of(site.get(target)), "NAME_UNKNOWN");
}

/// The result of following each Link field.
struct Walk {
  std::vector<fakes::Reply> pages;
  std::vector<std::string> numbers;  ///< of the descriptors, in the order received
};

class ReferrersPages : public Referrers {
 protected:
  static constexpr int count = 40;
  static constexpr std::size_t each = 250 * 1024;
  ReferrersPages() { keep(numbered(0, count)); }

  static cache::Referrers::Gathered numbered(int first, int last) {
    cache::Referrers::Gathered gathered;
    for (int i = first; i < last; ++i)
      gathered.add(type_of(i), digest(std::to_string(i)),
                   R"({"n":")" + std::to_string(i) + R"(","x":")" + std::string(each, 'x') + "\"}");
    return gathered;
  }
  static std::string type_of(int i) {
    return i % 4 == 0 ? "" : "a/" + std::to_string(i % 4) + "+x";
  }

  Walk walk(std::string from) {
    Walk got;
    while (!from.empty() && got.pages.size() < 100) {
      const auto& reply = got.pages.emplace_back(site.get(from));
      const auto document = nlohmann::json::parse(reply.body);
      for (const auto& entry : document["manifests"]) got.numbers.push_back(entry["n"]);
      const std::string link = reply.field("Link");
      EXPECT_TRUE(link.empty() || link.ends_with(R"(>; rel="next")"));
      from = link.empty() ? "" : link.substr(1, link.find('>') - 1);
    }
    return got;
  }
  static std::vector<std::string> sorted(std::vector<std::string> numbers) {
    std::ranges::sort(numbers);
    return numbers;
  }
  static std::vector<std::string> numbers_of(const std::vector<int>& types) {
    std::vector<std::string> numbers;
    for (int i = 0; i < count; ++i)
      if (std::ranges::find(types, i % 4) != types.end()) numbers.push_back(std::to_string(i));
    std::ranges::sort(numbers);
    return numbers;
  }
};

TEST_F(ReferrersPages, AreManifestsAndContainEachDescriptorOnce) {
  const Walk got = walk(target);
  EXPECT_EQ(got.pages.size(), 3U);
  for (const auto& page : got.pages) {
    EXPECT_LE(page.body.size(), max_referrers_page);
    EXPECT_EQ(page.field("Content-Type"), oci_index);
    EXPECT_EQ(page.field("OCI-Filters-Applied"), "");
  }
  EXPECT_GT(got.pages[0].body.size(), max_referrers_page - each - 100) << "pages are full";
  EXPECT_EQ(sorted(got.numbers), numbers_of({0, 1, 2, 3}));
}

TEST_F(ReferrersPages, KeepTheirFilters) {
  const Walk got = walk(target + "?artifactType=a/3%2Bx&artifactType=a/1%2Bx&artifactType=none");
  EXPECT_EQ(got.pages.size(), 2U);
  for (const auto& page : got.pages) EXPECT_EQ(page.field("OCI-Filters-Applied"), "artifactType");
  EXPECT_EQ(sorted(got.numbers), numbers_of({1, 3}));
}

TEST_F(ReferrersPages, LinkKeepsTheClientsPathAndNs) {
  EXPECT_THAT(site.get("/hub" + target).field("Link"),
              testing::StartsWith("</hub" + target + "?last="));
  EXPECT_THAT(site.get(target + "?ns=docker.io").field("Link"),
              testing::EndsWith(R"(&ns=docker.io>; rel="next")"));
}

TEST_F(ReferrersPages, ContinueAfterADescriptorInAChangedList) {
  const std::string link = site.get(target).field("Link");
  const std::string next = link.substr(1, link.find('>') - 1);
  const auto before = walk(next).numbers;
  keep(numbered(0, 2 * count));
  auto behind = walk(next).numbers;
  std::erase_if(behind, [](const std::string& n) { return std::stoi(n) >= count; });
  EXPECT_EQ(behind, before);
  keep(numbered(0, 1));
  EXPECT_EQ(site.get(next).body, index_of(""));
}

TEST_F(ReferrersPages, ContainAtLeastOneDescriptor) {
  const cache::Referrers list(numbered(0, 3));
  const auto page = page_of(list, {}, 10);
  ASSERT_EQ(page.ranges.size(), 1U);
  EXPECT_EQ(page.ranges[0].last, 1U);
  EXPECT_TRUE(page.next);
}

TEST_F(Referrers, RejectsAForeignPlace) {
  for (const std::string& last :
       {std::string("x"), std::string("%zz"), std::string("a"), digest_text("x"),
        std::string("a@sha256:ab"), std::string(256, 'a') + "@" + digest_text("x"),
        "@" + digest_text("x") + "@", "a%0a@" + digest_text("x"),
        "@" + digest_text("x") + "&last=@" + digest_text("y")}) {
    const auto reply = site.get(target + "?last=" + last);
    EXPECT_EQ(reply.status, 400) << last;
    EXPECT_EQ(code_of(reply), "PAGINATION_NUMBER_INVALID");
  }
  EXPECT_EQ(site.get(target + "?last=").body, site.get(target).body);
  EXPECT_EQ(site.get(target + "?last=@" + digest("z").str()).body,
            index_of(x_descriptor + "," + y_descriptor));
}

TEST(ArtifactTypes, AreBounded) {
  std::string query;
  for (int i = 0; i < 100; ++i) query += "artifactType=t" + std::to_string(i) + "&";
  EXPECT_EQ(parse_referrers(query)->artifact_types.size(), 16u);
  EXPECT_TRUE(parse_referrers("artifactType=" + std::string(300, 'a'))->artifact_types.empty());
  EXPECT_THAT(parse_referrers("artifactType=b&artifactType=a&artifactType=b")->artifact_types,
              ElementsAre("a", "b"));
}

}  // namespace
}  // namespace entrepot::registry
