// SPDX-License-Identifier: Apache-2.0
// tags/list and referrers, page by page.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/fakes/scripted_server.h"
#include "tests/unit/proxy/upstream/client.h"

namespace entrepot::upstream {
namespace {

using cache::FailureKind;
using fakes::Received;
using fakes::ScriptedServer;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Reply = ScriptedServer::Reply;

constexpr const char* index_type = "Content-Type: application/vnd.oci.image.index.v1+json";

std::string index_of(const std::string& digest) {
  return R"({"schemaVersion":2,"manifests":[{"mediaType":"a/b","size":1,"digest":")" + digest +
         "\"}]}";
}

TEST(Tags, JoinsPages) {
  ScriptedServer server([](const Received& request, Reply& reply) {
    if (request.target == "/v2/a/b/tags/list?n=1000") {
      reply.send(200, {"Link: </v2/a/b/tags/list?n=1000&last=two>; rel=\"next\""},
                 R"({"name":"a/b","tags":["one","two"]})");
    } else if (request.target == "/v2/a/b/tags/list?n=1000&last=two") {
      reply.send(200, {"Link: <list?last=three>; rel=\"next\""}, R"({"tags":["three"]})");
    } else {
      reply.send(200, {}, R"({"tags":["four"]})");
    }
  });
  Client client(quick_options(server.url()));
  ListingRecorder recorder;
  ASSERT_TRUE(client.list_tags(recorder));
  ASSERT_TRUE(recorder.listing.has_value()) << recorder.failure.message;
  EXPECT_THAT(recorder.listing->tags, ElementsAre("one", "two", "three", "four"));
  EXPECT_EQ(server.received().at(2).target, "/v2/a/b/tags/list?last=three");
}

TEST(Tags, NextPageElsewhereIsNotFollowed) {
  ScriptedServer elsewhere([](const Received&, Reply& reply) { reply.send(200, {}, "{}"); });
  ScriptedServer server([&](const Received&, Reply& reply) {
    reply.send(200, {"Link: <" + elsewhere.url() + "/x>; rel=next"}, R"({"tags":["one"]})");
  });
  Options options = quick_options(server.url());
  options.upstreams[0].internal = true;
  Client client(options);
  ListingRecorder recorder;
  ASSERT_TRUE(client.list_tags(recorder));
  EXPECT_FALSE(recorder.listing.has_value());
  EXPECT_EQ(recorder.failure.kind, FailureKind::bad_upstream);
  EXPECT_EQ(elsewhere.connections(), 0);
}

TEST(Tags, PagesAndBytesAreBounded) {
  ScriptedServer server([](const Received& request, Reply& reply) {
    reply.send(200, {"Link: <" + request.target + ">; rel=next"}, R"({"tags":["one"]})");
  });
  Options options = quick_options(server.url());
  options.limits.listing_pages = 10;
  {
    Client client(options);
    ListingRecorder recorder;
    ASSERT_TRUE(client.list_tags(recorder));
    EXPECT_EQ(recorder.failure.kind, FailureKind::bad_upstream);
    EXPECT_THAT(recorder.failure.message, HasSubstr("10 pages"));
    EXPECT_EQ(server.count(""), 10);
  }
  options.limits.listing_bytes = 40;
  Client client(options);
  ListingRecorder recorder;
  ASSERT_TRUE(client.list_tags(recorder));
  EXPECT_EQ(recorder.failure.kind, FailureKind::bad_upstream);
  EXPECT_THAT(recorder.failure.message, HasSubstr("40 bytes"));
}

TEST(Tags, FailuresKeepTheirKind) {
  const std::pair<int, FailureKind> cases[] = {
      {404, FailureKind::not_found}, {403, FailureKind::denied}, {503, FailureKind::unavailable}};
  for (const auto& [status, kind] : cases) {
    ScriptedServer server(
        [code = status](const Received&, Reply& reply) { reply.send(code, {}, ""); });
    Client client(quick_options(server.url()));
    ListingRecorder recorder;
    ASSERT_TRUE(client.list_tags(recorder));
    EXPECT_EQ(recorder.failure.kind, kind);
  }
  ScriptedServer html([](const Received&, Reply& reply) { reply.send(200, {}, "<html>"); });
  Client client(quick_options(html.url()));
  ListingRecorder recorder;
  ASSERT_TRUE(client.list_tags(recorder));
  EXPECT_EQ(recorder.failure.kind, FailureKind::bad_upstream);
}

TEST(Tags, PageThatFailsIsAskedForAgain) {
  int asked = 0;
  ScriptedServer server([&](const Received&, Reply& reply) {
    if (++asked == 1) {
      reply.head(200, {}, 1000);
      reply.raw(R"({"tags":["half")");
      reply.reset();
    } else {
      reply.send(200, {}, R"({"tags":["one"]})");
    }
  });
  Client client(quick_options(server.url()));
  ListingRecorder recorder;
  ASSERT_TRUE(client.list_tags(recorder));
  ASSERT_TRUE(recorder.listing.has_value()) << recorder.failure.message;
  EXPECT_THAT(recorder.listing->tags, ElementsAre("one"));
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
  const auto index = nlohmann::json::parse(recorder.listing->referrers);
  ASSERT_EQ(index["manifests"].size(), 2U);
  EXPECT_EQ(index["manifests"][1]["digest"], digest_text('2'));
  EXPECT_EQ(server.received()[0].target, "/v2/a/b/referrers/" + digest_text());
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
    EXPECT_THAT(recorder.listing->referrers, HasSubstr(digest_text('3')));
  }
}

TEST(Referrers, AreNoneWithoutApiAndTag) {
  ScriptedServer server([](const Received&, Reply& reply) { reply.send(404, {}, ""); });
  Client client(quick_options(server.url()));
  ListingRecorder recorder;
  ASSERT_TRUE(client.list_referrers(*cache::Digest::parse(digest_text()), recorder));
  ASSERT_TRUE(recorder.listing.has_value());
  EXPECT_EQ(nlohmann::json::parse(recorder.listing->referrers)["manifests"].size(), 0U);
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
