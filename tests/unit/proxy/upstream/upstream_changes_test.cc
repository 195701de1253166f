// SPDX-License-Identifier: Apache-2.0
// Upstreams that come and go while their source is in use.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/scripted_server.h"
#include "tests/unit/proxy/upstream/client.h"

namespace entrepot::upstream {
namespace {

using cache::FailureKind;
using fakes::Received;
using fakes::ScriptedServer;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const std::string stored = "what the upstream has";

void answer_with_stored(const Received&, ScriptedServer::Reply& reply) {
  reply.send(200, {"Content-Type: application/octet-stream"}, stored);
}

/// For one upstream "other".
Options other_options(const std::string& url) {
  auto options = quick_options(url);
  options.upstreams[0].name = "other";
  return options;
}

class UpstreamChanges : public ::testing::Test {
 protected:
  void retire() {
    client.on_loop([this] { client.curl().retire({"test"}); });
  }
  void forget() {
    client.on_loop([this] { client.curl().forget("test"); });
  }
  Reports report() {
    Reports found;
    client.on_loop([&] { found = client.curl().report(); });
    return found;
  }
  std::optional<cache::Failure> fetch(const std::string& upstream = "test") {
    auto request = blob_request();
    request.upstream = upstream;
    Recorder recorder;
    EXPECT_TRUE(client.run(request, recorder));
    EXPECT_EQ(recorder.dones, 1);
    EXPECT_EQ(recorder.body, recorder.failure ? "" : stored);
    client.drop();
    return recorder.failure;
  }

  ScriptedServer server{answer_with_stored};
  upstream::Client client{quick_options(server.url())};
};

TEST_F(UpstreamChanges, OneThatComesIsAsked) {
  client.on_loop([this] { client.curl().replace(other_options(server.url())); });
  EXPECT_FALSE(fetch("other"));
  EXPECT_FALSE(fetch());
  EXPECT_THAT(report(), SizeIs(2));
}

TEST_F(UpstreamChanges, OneThatGoesIsAskedUntilItIsForgotten) {
  retire();
  EXPECT_THAT(report(), IsEmpty());
  EXPECT_FALSE(fetch()) << "a request that began before may need another fetch";
  forget();
  const auto failure = fetch();
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->kind, FailureKind::unavailable);
  EXPECT_THAT(failure->message, HasSubstr("upstream test is in the configuration no more"));
  for (const bool tags : {true, false}) {
    ListingRecorder listing;
    const auto subject = cache::Digest::parse(digest_text());
    EXPECT_TRUE(tags ? client.list_tags(listing) : client.list_referrers(*subject, listing));
    EXPECT_FALSE(listing.listing);
    EXPECT_EQ(listing.failure.kind, FailureKind::unavailable);
    client.drop();
  }
  client.on_loop([this] {
    EXPECT_FALSE(client.source().crowded("test"));
    EXPECT_FALSE(client.source().low_on_quota("test"));
    client.source().report_mismatch("test", "x", *cache::Digest::parse(digest_text()));
  });
}

TEST_F(UpstreamChanges, ATransferOutlivesItsUpstream) {
  Recorder recorder;
  recorder.at_head = [this] {
    client.curl().retire({"test"});
    client.curl().forget("test");
  };
  ASSERT_TRUE(client.run(blob_request(), recorder));
  EXPECT_FALSE(recorder.failure);
  EXPECT_EQ(recorder.body, stored);
}

TEST_F(UpstreamChanges, OneThatComesBackIsNotForgotten) {
  retire();
  client.on_loop([this] { client.curl().replace(quick_options(server.url())); });
  forget();  // the requests of its earlier time have ended
  EXPECT_FALSE(fetch());
  EXPECT_THAT(report(), SizeIs(1));
}

TEST_F(UpstreamChanges, AFailedFetchMayBeDestroyedFirst) {
  retire();
  forget();
  Recorder recorder;
  client.on_loop([&] { client.source().fetch(blob_request(), recorder).reset(); });
  client.on_loop([] {});
  EXPECT_EQ(recorder.dones, 0);
}

}  // namespace
}  // namespace entrepot::upstream
