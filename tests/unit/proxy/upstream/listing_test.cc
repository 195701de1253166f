// SPDX-License-Identifier: Apache-2.0
// tags/list, page by page.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <utility>

#include "tests/fakes/scripted_server.h"
#include "tests/unit/proxy/upstream/client.h"

namespace entrepot::upstream {
namespace {

using cache::FailureKind;
using fakes::Received;
using fakes::ScriptedServer;
using ::testing::HasSubstr;
using Reply = ScriptedServer::Reply;

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
  EXPECT_EQ(recorder.listing->tags, "one\ntwo\nthree\nfour\n");
  EXPECT_EQ(server.received().at(2).target, "/v2/a/b/tags/list?last=three");
}

/// A pool whose jobs the test's thread runs.
class ReadPositions final : public cache::JobQueue {
 public:
  void post(cache::Job job) override { posted_.set_value(std::move(job)); }
  /// Waits for the job.
  cache::Job take() {
    auto job = posted_.get_future();
    return job.wait_for(test_deadline) == std::future_status::ready ? job.get() : cache::Job();
  }

 private:
  std::promise<cache::Job> posted_;
};

class LargePage : public testing::Test {
 protected:
  LargePage() {
    options.readers = &readers;
    client = std::make_unique<Client>(options);
    client->on_loop([this] { fetch = client->source().list_tags("test", "a/b", {}, recorder); });
    job = readers.take();
  }
  ~LargePage() override {
    client->on_loop([this] { fetch.reset(); });
  }
  static std::string page() {
    std::string text = R"({"tags":["first")";
    for (int i = 0; i < 10'000; ++i) text += ",\"tag-" + std::to_string(i) + '"';
    return text + "]}";
  }

  ScriptedServer server{[](const Received&, Reply& reply) { reply.send(200, {}, page()); }};
  Options options = quick_options(server.url());
  ReadPositions readers;
  ListingRecorder recorder;
  std::unique_ptr<Client> client;
  std::unique_ptr<cache::Fetch> fetch;
  cache::Job job;
};

TEST_F(LargePage, IsReadOffTheLoop) {
  ASSERT_TRUE(job);
  client->on_loop([this] { EXPECT_FALSE(recorder.listing); });
  job();
  ASSERT_TRUE(recorder.wait());
  ASSERT_TRUE(recorder.listing);
  EXPECT_THAT(recorder.listing->tags, HasSubstr("\ntag-9999\n"));
}

TEST_F(LargePage, MayBeLeftWhileItIsRead) {
  ASSERT_TRUE(job);
  client->on_loop([this] { fetch.reset(); });
  job();
  client->on_loop([this] { EXPECT_FALSE(recorder.listing); });
}

TEST(Tags, NextPageElsewhereIsAskedForHere) {
  ScriptedServer elsewhere([](const Received&, Reply& reply) { reply.send(200, {}, "{}"); });
  ScriptedServer server([&](const Received& request, Reply& reply) {
    if (request.target == "/v2/a/b/tags/list?last=one")
      return reply.send(200, {}, R"({"tags":["two"]})");
    reply.send(200, {"Link: <" + elsewhere.url() + "/x?last=one>; rel=next"},
               R"({"tags":["one"]})");
  });
  Options options = quick_options(server.url());
  options.upstreams[0].internal = true;
  Client client(options);
  ListingRecorder recorder;
  ASSERT_TRUE(client.list_tags(recorder));
  ASSERT_TRUE(recorder.listing.has_value()) << recorder.failure.message;
  EXPECT_EQ(recorder.listing->tags, "one\ntwo\n");
  EXPECT_EQ(elsewhere.connections(), 0);
}

TEST(Tags, APartIsNotTakenForTheWhole) {
  for (const std::string& target :
       {std::string("/v2/a/b/tags/list/2"), "?last=" + std::string(Url::max_length, 'x')}) {
    ScriptedServer server([&](const Received&, Reply& reply) {
      reply.send(200, {"Link: <" + target + ">; rel=next"}, R"({"tags":["one"]})");
    });
    Client client(quick_options(server.url()));
    ListingRecorder recorder;
    ASSERT_TRUE(client.list_tags(recorder));
    EXPECT_FALSE(recorder.listing.has_value());
    EXPECT_EQ(recorder.failure.kind, FailureKind::bad_upstream);
    EXPECT_THAT(recorder.failure.message, HasSubstr("next page"));
  }
}

TEST(Tags, ANextPageThatIsMissingIsAnError) {
  ScriptedServer server([&](const Received& request, Reply& reply) {
    if (request.target.ends_with("last=one")) return reply.send(404, {}, "");
    reply.send(200, {"Link: <list?last=one>; rel=next"}, R"({"tags":["one"]})");
  });
  Client client(quick_options(server.url()));
  ListingRecorder recorder;
  ASSERT_TRUE(client.list_tags(recorder));
  EXPECT_EQ(recorder.failure.kind, FailureKind::bad_upstream);
}

TEST(Tags, ARegistryThatRefusesThePageSizeSaysItsOwn) {
  for (const int status : {400, 422}) {
    ScriptedServer server([status](const Received& request, Reply& reply) {
      if (request.target.find("n=1000") != std::string::npos) return reply.send(status, {}, "");
      if (request.target == "/v2/a/b/tags/list?n=100&last=one")
        return reply.send(200, {}, R"({"tags":["two"]})");
      reply.send(200, {"Link: </v2/a/b/tags/list?n=100&last=one>; rel=next"},
                 R"({"tags":["one"]})");
    });
    Client client(quick_options(server.url()));
    ListingRecorder recorder;
    ASSERT_TRUE(client.list_tags(recorder));
    ASSERT_TRUE(recorder.listing.has_value()) << recorder.failure.message;
    EXPECT_EQ(recorder.listing->tags, "one\ntwo\n");
    EXPECT_EQ(server.count(""), 3);
  }
  ScriptedServer server([](const Received&, Reply& reply) { reply.send(400, {}, ""); });
  Client client(quick_options(server.url()));
  ListingRecorder recorder;
  ASSERT_TRUE(client.list_tags(recorder));
  EXPECT_EQ(recorder.failure.kind, FailureKind::bad_upstream);
  EXPECT_EQ(server.count(""), 2);
}

TEST(Tags, APageThatNamesItselfIsTheLast) {
  ScriptedServer server([](const Received& request, Reply& reply) {
    reply.send(200, {"Link: <" + request.target + ">; rel=next"}, R"({"tags":["one"]})");
  });
  Client client(quick_options(server.url()));
  ListingRecorder recorder;
  ASSERT_TRUE(client.list_tags(recorder));
  ASSERT_TRUE(recorder.listing.has_value()) << recorder.failure.message;
  EXPECT_EQ(recorder.listing->tags, "one\n");
  EXPECT_EQ(server.count(""), 1);
}

TEST(Tags, PagesThatBringNothingNewEnd) {
  for (const char* body :
       {R"({"tags":["one","two"]})", R"({"tags":[]})", R"({"tags":["no/tag"]})"}) {
    int asked = 0;
    ScriptedServer server([&](const Received&, Reply& reply) {
      std::string text = body;
      if (++asked > 1 && text.find("two") != std::string::npos) text = R"({"tags":["two","one"]})";
      reply.send(200, {"Link: <list?page=" + std::to_string(asked) + ">; rel=next"}, text);
    });
    Client client(quick_options(server.url()));
    ListingRecorder recorder;
    ASSERT_TRUE(client.list_tags(recorder));
    EXPECT_TRUE(recorder.listing.has_value()) << recorder.failure.message;
    EXPECT_LE(server.count(""), 2) << body;
  }
}

TEST(Tags, TinyPagesAreBounded) {
  int asked = 0;
  ScriptedServer server([&](const Received&, Reply& reply) {
    const std::string number = std::to_string(++asked);
    reply.send(200, {"Link: <list?page=" + number + ">; rel=next"},
               R"({"tags":["t)" + number + R"("]})");
  });
  Client client(quick_options(server.url()));
  ListingRecorder recorder;
  ASSERT_TRUE(client.list_tags(recorder));
  EXPECT_EQ(recorder.failure.kind, FailureKind::bad_upstream);
  EXPECT_THAT(recorder.failure.message, HasSubstr("pages of listing"));
  EXPECT_LE(server.count(""), 20);
}

TEST(Tags, PagesAndBytesAreBounded) {
  int asked = 0;
  ScriptedServer server([&](const Received&, Reply& reply) {
    std::string tags;
    const std::string number = std::to_string(++asked);
    for (char c = 'a'; c <= 'z'; ++c)
      tags += std::string(c == 'a' ? "" : ",") + '"' + c + number + '"';
    reply.send(200, {"Link: <list?page=" + number + ">; rel=next"}, R"({"tags":[)" + tags + "]}");
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
  options.limits.list_bytes = 400;
  Client client(options);
  ListingRecorder recorder;
  ASSERT_TRUE(client.list_tags(recorder));
  EXPECT_EQ(recorder.failure.kind, FailureKind::bad_upstream);
  EXPECT_THAT(recorder.failure.message, HasSubstr("400 bytes"));
}

TEST(Tags, AllListsTogetherAreBounded) {
  std::string tags;
  for (int i = 0; i < 20'000; ++i) tags += (i > 0 ? ",\"t" : "\"t") + std::to_string(i) + '"';
  ScriptedServer server(
      [&](const Received&, Reply& reply) { reply.send(200, {}, R"({"tags":[)" + tags + "]}"); });
  Options options = quick_options(server.url());
  options.limits.lists_bytes = 100'000;
  {
    Client client(options);
    ListingRecorder recorder;
    ASSERT_TRUE(client.list_tags(recorder));
    EXPECT_EQ(recorder.failure.kind, FailureKind::unavailable);
    EXPECT_THAT(recorder.failure.message, HasSubstr("other long lists"));
  }
  options.limits.lists_bytes = 1'000'000;
  Client client(options);
  for (int i = 0; i < 6; ++i) {  // what one has taken is given back at its end
    ListingRecorder recorder;
    ASSERT_TRUE(client.list_tags(recorder));
    EXPECT_TRUE(recorder.listing.has_value()) << recorder.failure.message;
    client.drop();
  }
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
  EXPECT_EQ(recorder.listing->tags, "one\n");
}

}  // namespace
}  // namespace entrepot::upstream
