// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "proxy/registry/referrers_filter.h"
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

std::string index_of(const std::string& descriptors) {
  return R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[)" +
         descriptors + "]}";
}
std::shared_ptr<const std::string> text(std::string of) {
  return std::make_shared<const std::string>(std::move(of));
}

class Referrers : public testing::Test {
 protected:
  Referrers() {
    cache::ListingAnswer answer;
    answer.referrers = std::make_shared<const cache::Referrers>(
        cache::Referrers{text(y_descriptor + "," + x_descriptor + R"(,{"digest":"sha256:3"})"),
                         {{x_type, text(x_descriptor)}, {"application/y", text(y_descriptor)}}});
    site.store.listings[key] = answer;
  }
  Site site;
};

TEST_F(Referrers, Unfiltered) {
  const fakes::Reply reply = site.get(target);
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, index_of(y_descriptor + "," + x_descriptor + R"(,{"digest":"sha256:3"})"))
      << "not a byte may change";
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
            index_of(y_descriptor + "," + x_descriptor));
}

TEST_F(Referrers, AllReadersShareTheirTexts) {
  const auto& kept = *site.store.listings[key].referrers;
  EXPECT_THAT(site.get(target).shared, testing::Contains(kept.all));
  EXPECT_THAT(site.get(target + "?artifactType=application/y").shared,
              testing::Contains(kept.by_type.at("application/y")));
}

TEST_F(Referrers, AnEmptyOrBrokenFilterIsIgnored) {
  for (const char* query : {"?artifactType=", "?artifactType=%zz", "?other=1"}) {
    const fakes::Reply reply = site.get(target + query);
    EXPECT_EQ(reply.field("OCI-Filters-Applied"), "") << query;
    EXPECT_EQ(reply.body, site.get(target).body);
  }
}

TEST_F(Referrers, UnknownSubjectsHaveNone) {
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

TEST(ArtifactTypes, AreBounded) {
  std::string query;
  for (int i = 0; i < 100; ++i) query += "artifactType=t" + std::to_string(i) + "&";
  EXPECT_EQ(parse_artifact_types(query).size(), 16u);
  EXPECT_TRUE(parse_artifact_types("artifactType=" + std::string(300, 'a')).empty());
  EXPECT_THAT(parse_artifact_types("artifactType=a&artifactType=b&artifactType=a"),
              ElementsAre("a", "b"));
}

}  // namespace
}  // namespace entrepot::registry
