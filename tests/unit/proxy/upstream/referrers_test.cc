// SPDX-License-Identifier: Apache-2.0
// Referrers: the API, page by page, and the fallback tag.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "tests/fakes/scripted_server.h"
#include "tests/unit/proxy/upstream/client.h"

namespace entrepot::upstream {
namespace {

using cache::FailureKind;
using fakes::Received;
using fakes::ScriptedServer;
using ::testing::HasSubstr;
using Reply = ScriptedServer::Reply;

constexpr const char* index_type = "Content-Type: application/vnd.oci.image.index.v1+json";

std::string index_of(const std::string& digest) {
  return R"({"schemaVersion":2,"manifests":[{"mediaType":"a/b","size":1,"digest":")" + digest +
         "\"}]}";
}

nlohmann::json descriptors_of(const cache::Listing& listing) {
  return nlohmann::json::parse("[" + *cache::Referrers(listing.referrers).text() + "]");
}

TEST(Referrers, JoinsPages) {
  ScriptedServer server([](const Received& request, Reply& reply) {
    if (request.target.find("page=2") == std::string::npos) {
      reply.send(200, {index_type, "Link: <?page=2>; rel=next"}, index_of(digest_text('1')));
    } else {
      reply.send(200, {index_type}, index_of(digest_text('2')));
    }
  });
  Client client(quick_options(server.url()));
  ListingRecorder recorder;
  ASSERT_TRUE(client.list_referrers(*cache::Digest::parse(digest_text()), recorder));
  ASSERT_TRUE(recorder.listing.has_value()) << recorder.failure.message;
  const auto manifests = descriptors_of(*recorder.listing);
  ASSERT_EQ(manifests.size(), 2U);
  EXPECT_EQ(manifests[1]["digest"], digest_text('2'));
  EXPECT_EQ(server.received()[0].target, "/v2/a/b/referrers/" + digest_text());
}

TEST(Referrers, AreBounded) {
  ScriptedServer server([](const Received&, Reply& reply) {
    reply.send(200, {index_type}, index_of(digest_text('1')));
  });
  Options options = quick_options(server.url());
  options.limits.list_bytes = 100;
  Client client(options);
  ListingRecorder recorder;
  ASSERT_TRUE(client.list_referrers(*cache::Digest::parse(digest_text()), recorder));
  EXPECT_EQ(recorder.failure.kind, FailureKind::bad_upstream);
  EXPECT_THAT(recorder.failure.message, HasSubstr("100 bytes"));
}

TEST(Referrers, ANextPageThatIsMissingIsNotNone) {
  ScriptedServer server([](const Received& request, Reply& reply) {
    if (!request.target.ends_with("/referrers/" + digest_text())) return reply.send(404, {}, "");
    reply.send(200, {index_type, "Link: <?page=2>; rel=next"}, index_of(digest_text('1')));
  });
  Client client(quick_options(server.url()));
  ListingRecorder recorder;
  ASSERT_TRUE(client.list_referrers(*cache::Digest::parse(digest_text()), recorder));
  EXPECT_FALSE(recorder.listing.has_value());
  EXPECT_EQ(recorder.failure.kind, FailureKind::bad_upstream);
  EXPECT_EQ(server.count(""), 2);
}

TEST(Referrers, AreNotThoseOfTheSubjectItself) {
  const std::string subject = index_of(digest_text('9'));
  const auto digest = cache::digest_of(cache::Algorithm::sha256, subject);
  for (const bool has_tag : {true, false}) {
    ScriptedServer server([&](const Received& request, Reply& reply) {
      if (request.target.find("/manifests/") != std::string::npos && has_tag)
        return reply.send(200, {index_type}, index_of(digest_text('3')));
      reply.send(200, {index_type}, subject);
    });
    Client client(quick_options(server.url()));
    ListingRecorder recorder;
    ASSERT_TRUE(client.list_referrers(digest, recorder));
    ASSERT_TRUE(recorder.listing.has_value()) << recorder.failure.message;
    EXPECT_EQ(descriptors_of(*recorder.listing).size(), has_tag ? 1U : 0U);
    EXPECT_EQ(server.count(""), 2);
  }
}

/// Whatever the API's path says, where it says so for good.
TEST(Referrers, FallBackToTheTagWhereTheApiIsRefused) {
  for (const int status : {401, 403, 451, 412, 418}) {
    bool has_tag = true;
    ScriptedServer server([&](const Received& request, Reply& reply) {
      if (request.target.find("/referrers/") != std::string::npos)
        return reply.send(status, {}, "");
      if (!has_tag) return reply.send(404, {}, "");
      reply.send(200, {index_type}, index_of(digest_text('3')));
    });
    for (; has_tag; has_tag = false) {
      Client client(quick_options(server.url()));
      ListingRecorder recorder;
      ASSERT_TRUE(client.list_referrers(*cache::Digest::parse(digest_text()), recorder));
      ASSERT_TRUE(recorder.listing.has_value()) << recorder.failure.message;
      EXPECT_EQ(descriptors_of(*recorder.listing).size(), 1U);
    }
    Client client(quick_options(server.url()));
    ListingRecorder recorder;
    ASSERT_TRUE(client.list_referrers(*cache::Digest::parse(digest_text()), recorder));
    EXPECT_FALSE(recorder.listing.has_value()) << "nobody knows that there are none";
    EXPECT_EQ(recorder.failure.status, status);
  }
}

TEST(Referrers, FallBackToTheTag) {
  for (const int status : {404, 400, 406, 200}) {
    ScriptedServer server([status](const Received& request, Reply& reply) {
      if (request.target.find("/referrers/") != std::string::npos) {
        reply.send(status, {"Content-Type: application/json"}, "{}");
      } else {
        EXPECT_EQ(request.target, "/v2/a/b/manifests/sha256-" + std::string(64, 'a'));
        reply.send(200, {index_type}, index_of(digest_text('3')));
      }
    });
    Client client(quick_options(server.url()));
    ListingRecorder recorder;
    ASSERT_TRUE(client.list_referrers(*cache::Digest::parse(digest_text()), recorder));
    ASSERT_TRUE(recorder.listing.has_value()) << recorder.failure.message;
    EXPECT_EQ(descriptors_of(*recorder.listing)[0]["digest"], digest_text('3'));
  }
}

TEST(Referrers, AreNoneWithoutApiAndTag) {
  ScriptedServer server([](const Received&, Reply& reply) { reply.send(404, {}, ""); });
  Client client(quick_options(server.url()));
  ListingRecorder recorder;
  ASSERT_TRUE(client.list_referrers(*cache::Digest::parse(digest_text()), recorder));
  ASSERT_TRUE(recorder.listing.has_value());
  EXPECT_TRUE(recorder.listing->referrers.empty());
  EXPECT_EQ(server.count(""), 2);
}

TEST(Referrers, FailuresAreNotTakenForNone) {
  ScriptedServer server([](const Received&, Reply& reply) { reply.send(500, {}, ""); });
  Client client(quick_options(server.url()));
  ListingRecorder recorder;
  ASSERT_TRUE(client.list_referrers(*cache::Digest::parse(digest_text()), recorder));
  EXPECT_FALSE(recorder.listing.has_value());
  EXPECT_EQ(recorder.failure.kind, FailureKind::unavailable);
}

}  // namespace
}  // namespace entrepot::upstream
