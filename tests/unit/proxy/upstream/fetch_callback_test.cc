// SPDX-License-Identifier: Apache-2.0
// Actions of a sink within its calls, above all cancelling; and fetches that wait for a slot.
#include <gtest/gtest.h>

#include <future>

#include "tests/fakes/scripted_server.h"
#include "tests/unit/proxy/upstream/client.h"

namespace entrepot::upstream {
namespace {

using cache::FailureKind;
using fakes::Received;
using fakes::ScriptedServer;
using Reply = ScriptedServer::Reply;

TEST(Fetch, SinkThatTakesNoMoreEndsInBadUpstream) {
  ScriptedServer server(
      [](const Received&, Reply& reply) { reply.send(200, {}, std::string(100'000, 'x')); });
  Client client(quick_options(server.url()));
  Recorder recorder;
  recorder.at_data = [] { return false; };
  ASSERT_TRUE(client.run(blob_request(), recorder));
  ASSERT_TRUE(recorder.failure.has_value());
  EXPECT_EQ(recorder.failure->kind, FailureKind::bad_upstream);
  EXPECT_EQ(recorder.offsets.size(), 1U);
}

// Destroying the fetch in each of its callbacks, and from outside, while others run.
TEST(Fetch, CancelsInsideAnyCallback) {
  ScriptedServer server(
      [](const Received&, Reply& reply) { reply.send(200, {}, std::string(200'000, 'x')); });
  Client client(quick_options(server.url()));
  for (int where = 0; where < 3; ++where) {
    std::unique_ptr<cache::Fetch> fetch;
    std::promise<void> cancelled;
    Recorder recorder;
    const auto cancel = [&] {
      fetch.reset();
      cancelled.set_value();
    };
    if (where == 0) recorder.at_head = cancel;
    if (where == 1) recorder.at_data = [&] { return cancel(), true; };
    if (where == 2) recorder.at_done = cancel;
    Recorder other;
    client.on_loop([&] { fetch = client.source().fetch(blob_request(), recorder); });
    client.start(blob_request(), other);
    ASSERT_EQ(cancelled.get_future().wait_for(test_deadline), std::future_status::ready);
    ASSERT_TRUE(other.wait());
    EXPECT_FALSE(other.failure.has_value());
    EXPECT_EQ(other.body.size(), 200'000U);
    client.drop();
    EXPECT_EQ(recorder.dones, where == 2 ? 1 : 0) << where;
    EXPECT_EQ(recorder.offsets.size() <= 1 || where == 2, true) << where;
  }
}

TEST(Fetch, CancelsOtherFetchesInsideACallback) {
  ScriptedServer server([](const Received&, Reply& reply) {
    reply.head(200, {}, 200'000);
    reply.raw(std::string(100'000, 'x'));
    reply.wait_for_peer();
  });
  Client client(quick_options(server.url()));
  std::vector<std::unique_ptr<cache::Fetch>> fetches;
  Recorder recorders[3];
  std::promise<void> cancelled;
  for (Recorder& recorder : recorders) {
    recorder.at_data = [&] {
      if (fetches.empty()) return true;
      fetches.clear();
      cancelled.set_value();
      return true;
    };
  }
  client.on_loop([&] {
    for (Recorder& recorder : recorders) {
      fetches.push_back(client.source().fetch(blob_request(), recorder));
    }
  });
  ASSERT_EQ(cancelled.get_future().wait_for(test_deadline), std::future_status::ready);
  client.drop();
  for (const Recorder& recorder : recorders) EXPECT_EQ(recorder.dones, 0);
}

TEST(Fetch, StartsAnotherInsideACallback) {
  ScriptedServer server([](const Received&, Reply& reply) { reply.send(200, {}, "body"); });
  Client client(quick_options(server.url()));
  Recorder first;
  Recorder second;
  std::unique_ptr<cache::Fetch> started;
  first.at_data = [&] {
    started = client.source().fetch(blob_request(), second);
    return true;
  };
  ASSERT_TRUE(client.run(blob_request(), first));
  ASSERT_TRUE(second.wait());
  EXPECT_EQ(second.body, "body");
  client.on_loop([&] { started.reset(); });
}

TEST(Fetch, QueuesBehindTheSlots) {
  ScriptedServer server([](const Received& request, Reply& reply) {
    if (request.connection == 1 && request.target.find(digest_text('a')) != std::string::npos) {
      reply.wait_for_peer();
    } else {
      reply.send(200, {}, "body");
    }
  });
  Options options = quick_options(server.url());
  options.limits.transfers = 1;
  Client client(options);
  Recorder blocked;
  client.start(blob_request(), blocked);
  ASSERT_TRUE(server.wait_for("/blobs/", 1));
  Recorder queued;
  cache::FetchRequest request = blob_request();
  request.reference = digest_text('b');
  std::unique_ptr<cache::Fetch> fetch;
  client.on_loop([&] { fetch = client.source().fetch(request, queued); });
  client.on_loop([] {});
  EXPECT_EQ(server.count(""), 1);
  client.drop();  // the slot is free
  ASSERT_TRUE(queued.wait());
  EXPECT_EQ(queued.body, "body");
  client.on_loop([&] { fetch.reset(); });
}

}  // namespace
}  // namespace entrepot::upstream
