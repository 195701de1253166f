// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/object_exchange.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "cache/base/digest.h"
#include "tests/unit/proxy/upstream/client.h"

namespace entrepot::upstream {
namespace {

ResponseHead head(int status, std::optional<std::uint64_t> length, std::string range = {}) {
  ResponseHead made;
  made.status = status;
  made.content_length = length;
  made.content_range = std::move(range);
  return made;
}

std::string refusal(const std::variant<ObjectPlace, std::string>& judged) {
  const auto* why = std::get_if<std::string>(&judged);
  return why == nullptr ? "" : *why;
}

TEST(ObjectExchangeTest, A200IsTheWholeObject) {
  const auto judged = place_of(head(200, 10), {.begin = 4, .ranged = true}, blob_request());
  ASSERT_EQ(refusal(judged), "");
  EXPECT_EQ(std::get<ObjectPlace>(judged).begin, 0U);
  EXPECT_EQ(std::get<ObjectPlace>(judged).total, 10U);
}

TEST(ObjectExchangeTest, A206BeginsWhereItWasRequested) {
  const RequestedPart part{.begin = 4, .ranged = true};
  const auto judged = place_of(head(206, 6, "bytes 4-9/10"), part, blob_request());
  ASSERT_EQ(refusal(judged), "");
  EXPECT_EQ(std::get<ObjectPlace>(judged).begin, 4U);
  EXPECT_EQ(std::get<ObjectPlace>(judged).total, 10U);
  const auto unknown = place_of(head(206, 6, "bytes 4-9/*"), part, blob_request());
  EXPECT_EQ(std::get<ObjectPlace>(unknown).total, std::nullopt);
}

TEST(ObjectExchangeTest, RefusesA206OfAnotherRange) {
  const char* const why = "answered 206 with another range than the one asked for";
  const RequestedPart part{.begin = 4, .ranged = true};
  EXPECT_EQ(refusal(place_of(head(206, 6, "bytes 3-9/10"), part, blob_request())), why);
  EXPECT_EQ(refusal(place_of(head(206, 6, ""), part, blob_request())), why);
  EXPECT_EQ(refusal(place_of(head(206, 6, "bytes */10"), part, blob_request())), why);
  EXPECT_EQ(refusal(place_of(head(206, 6, "bytes 4-9/10"), {.begin = 4}, blob_request())), why);
}

TEST(ObjectExchangeTest, RefusesOtherStatuses) {
  EXPECT_EQ(refusal(place_of(head(204, 0), {}, blob_request())),
            "answered 204 where an object was expected");
}

TEST(ObjectExchangeTest, ALengthOf0IsTheSizeOfAnEmptyBlobOnly) {
  auto request = blob_request();
  request.head = true;
  EXPECT_EQ(std::get<ObjectPlace>(place_of(head(200, 0), {}, request)).total, std::nullopt);
  request.reference =
      cache::digest_of(cache::Digest::parse(request.reference)->algorithm(), "").str();
  EXPECT_EQ(std::get<ObjectPlace>(place_of(head(200, 0), {}, request)).total, 0U);
  request.head = false;
  EXPECT_EQ(std::get<ObjectPlace>(place_of(head(200, 0), {}, blob_request())).total, 0U);
}

TEST(ObjectExchangeTest, DescribesTheObject) {
  auto request = manifest_request();
  request.or_get = true;
  auto response = head(200, 10);
  response.content_type = "text/html; charset=utf-8";
  response.docker_content_digest = digest_text();
  const auto page =
      describe(request, {.ranged = true, .instead_of_head = true}, response, {.total = 10});
  EXPECT_EQ(page.size, 10U);
  EXPECT_EQ(page.media_type, "");
  EXPECT_EQ(page.digest->str(), digest_text());
  EXPECT_TRUE(page.from_beginning);
  EXPECT_TRUE(page.with_body);
  const auto blob = describe(blob_request(), {.ranged = true}, head(206, 6),
                             ObjectPlace{.begin = 4, .total = 10});
  EXPECT_FALSE(blob.from_beginning);
  EXPECT_FALSE(blob.with_body);
}

class ObjectSpecTest : public testing::Test {
 protected:
  RequestSpec spec(const cache::FetchRequest& request, const RequestedPart& part,
                   std::string_view if_range = {}) const {
    return object_spec(request, part, address_, {.clients = {cache::Client(7)}}, if_range);
  }

  const UpstreamOptions upstream_{.name = "docker.io", .endpoints = {}, .ca_file = {}};
  const EndpointAddress address_{upstream_, {}, *Url::parse("https://r.example"), ""};
};

TEST_F(ObjectSpecTest, RequestsAWholeBlobWithoutARange) {
  const auto request = blob_request();
  const RequestSpec made = spec(request, {});
  EXPECT_EQ(made.url.text(),
            "https://r.example/v2/" + request.repository + "/blobs/" + request.reference);
  EXPECT_EQ(made.kind, metrics::Kind::blob);
  EXPECT_FALSE(made.head);
  EXPECT_TRUE(made.measured);
  EXPECT_TRUE(made.headers.empty());
  EXPECT_EQ(made.clients.size(), 1U);
}

TEST_F(ObjectSpecTest, RequestsTheRestOrAPieceOfABlob) {
  auto request = blob_request();
  const RequestedPart part{.begin = 4, .ranged = true};
  EXPECT_EQ(spec(request, part).headers, std::vector<std::string>{"Range: bytes=4-"});
  request.end = 10;
  EXPECT_EQ(spec(request, part, "\"e\"").headers,
            (std::vector<std::string>{"Range: bytes=4-9", "If-Range: \"e\""}));
}

TEST_F(ObjectSpecTest, RequestsOneByteInsteadOfAHead) {
  auto request = blob_request();
  request.head = true;
  EXPECT_TRUE(spec(request, {}).head);
  const RequestSpec made = spec(request, {.ranged = true, .instead_of_head = true});
  EXPECT_FALSE(made.head);
  EXPECT_EQ(made.headers, std::vector<std::string>{"Range: bytes=0-0"});
}

TEST_F(ObjectSpecTest, AcceptsTheTypesOfTheClientForAManifest) {
  auto request = manifest_request();
  request.accept = "application/x";
  const RequestSpec made = spec(request, {});
  EXPECT_EQ(made.kind, metrics::Kind::manifest);
  ASSERT_EQ(made.headers.size(), 1U);
  EXPECT_TRUE(made.headers[0].starts_with("Accept: "));
  EXPECT_NE(made.headers[0].find(", application/x"), std::string::npos);
}

}  // namespace
}  // namespace entrepot::upstream
