// SPDX-License-Identifier: Apache-2.0
// Answers that are no object: errors, too much of something, more than was announced, or none.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "tests/fakes/scripted_server.h"
#include "tests/unit/proxy/upstream/client.h"

namespace entrepot::upstream {
namespace {

using cache::FailureKind;
using fakes::Received;
using fakes::ScriptedServer;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using namespace std::string_literals;
using Reply = ScriptedServer::Reply;

struct StatusCase {
  int status;
  FailureKind kind;
  int requests;
};

TEST(Fetch, StatusesDecideTheKindAndWhetherItIsTriedAgain) {
  for (const auto& [status, kind, requests] :
       {StatusCase{404, FailureKind::not_found, 1}, StatusCase{401, FailureKind::denied, 1},
        StatusCase{403, FailureKind::denied, 1}, StatusCase{400, FailureKind::bad_upstream, 1},
        StatusCase{204, FailureKind::bad_upstream, 1},
        StatusCase{304, FailureKind::bad_upstream, 1}, StatusCase{500, FailureKind::unavailable, 4},
        StatusCase{503, FailureKind::unavailable, 4}}) {
    ScriptedServer server(
        [code = status](const Received&, Reply& reply) { reply.send(code, {}, ""); });
    Client client(quick_options(server.url()));
    Recorder recorder;
    ASSERT_TRUE(client.run(blob_request(), recorder)) << status;
    ASSERT_TRUE(recorder.failure.has_value()) << status;
    EXPECT_EQ(recorder.failure->kind, kind) << recorder.failure->message;
    EXPECT_EQ(server.count("/blobs/"), requests) << status;
    EXPECT_THAT(recorder.heads, SizeIs(0)) << status;
  }
}

TEST(Fetch, GoesOnAfterABurstOfErrors) {
  int asked = 0;
  ScriptedServer server([&](const Received&, Reply& reply) {
    if (++asked < 3) {
      reply.send(502, {}, "bad gateway");
    } else {
      reply.send(200, {}, "body");
    }
  });
  Client client(quick_options(server.url()));
  Recorder recorder;
  ASSERT_TRUE(client.run(blob_request(), recorder));
  EXPECT_FALSE(recorder.failure.has_value());
  EXPECT_EQ(recorder.body, "body");
}

TEST(Fetch, RefusesObjectsOverTheLimit) {
  ScriptedServer server([](const Received& request, Reply& reply) {
    if (request.target.find("manifests") != std::string::npos) {
      reply.raw(
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
          "b\r\nhello world\r\n");
      reply.wait_for_peer();
    } else {
      reply.send(200, {}, "hello world");
    }
  });
  Client client(quick_options(server.url()));
  for (cache::FetchRequest request : {blob_request(), manifest_request()}) {
    request.max_size = 10;
    Recorder recorder;
    ASSERT_TRUE(client.run(request, recorder));
    ASSERT_TRUE(recorder.failure.has_value());
    EXPECT_EQ(recorder.failure->kind, FailureKind::bad_upstream);
    EXPECT_THAT(recorder.failure->message, HasSubstr("limit of 10"));
    EXPECT_EQ(recorder.body, "");
  }
  cache::FetchRequest fits = blob_request();
  fits.max_size = 11;
  Recorder recorder;
  ASSERT_TRUE(client.run(fits, recorder));
  EXPECT_FALSE(recorder.failure.has_value());
}

TEST(Fetch, RefusesHeaderBombs) {
  const std::string long_line = "X: " + std::string(70'000, 'x') + "\r\n";
  std::string many_lines;
  for (int i = 0; i < 2000; ++i)
    many_lines += "X-" + std::to_string(i) + ": 0123456789012345678901234567890123456789\r\n";
  std::string interim;
  for (int i = 0; i < 21; ++i) interim += "HTTP/1.1 103 Early Hints\r\n\r\n";
  const std::string bombs[] = {
      "HTTP/1.1 200 OK\r\n" + long_line + "Content-Length: 1\r\n\r\nx",
      "HTTP/1.1 200 OK\r\n" + many_lines + "Content-Length: 1\r\n\r\nx",
      interim + "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
      "HTTP/1.1 200 OK\r\nX: " + std::string(10'000'000, 'x'),
      "HTTP/1.1 200 OK\r\nETag: \"a\0b\"\r\nContent-Length: 1\r\n\r\nx"s,
      "HTTP/1.1 200 OK\r\nETag: \"a\"\r\n folded\r\nContent-Length: 1\r\n\r\nx",
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
      "HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 1\r\n\r\nx",
      "SSH-2.0-OpenSSH_9.2\r\n",
  };
  for (std::size_t i = 0; i < std::size(bombs); ++i) {
    ScriptedServer server([&](const Received&, Reply& reply) {
      reply.raw(bombs[i]);
      reply.close();
    });
    Client client(quick_options(server.url()));
    Recorder recorder;
    ASSERT_TRUE(client.run(blob_request(), recorder)) << i;
    ASSERT_TRUE(recorder.failure.has_value()) << i;
    EXPECT_EQ(recorder.failure->kind, FailureKind::bad_upstream) << i << recorder.failure->message;
    EXPECT_EQ(server.count(""), 1) << i << " is asked again";
    EXPECT_THAT(recorder.heads, SizeIs(0)) << i;
  }
}

TEST(Fetch, TakesContentLengthBytesAndDropsTheConnection) {
  ScriptedServer server([](const Received&, Reply& reply) {
    reply.raw(
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody"
        "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged");
    reply.wait_for_peer();
  });
  Client client(quick_options(server.url()));
  for (int i = 1; i <= 2; ++i) {
    Recorder recorder;
    ASSERT_TRUE(client.run(blob_request(), recorder));
    EXPECT_FALSE(recorder.failure.has_value());
    EXPECT_EQ(recorder.body, "body");
    EXPECT_EQ(server.connections(), i);
  }
}

// As above, but the extra bytes come when the connection is kept already: libcurl alone takes them
// for the answer to the next request.
TEST(Fetch, ExtraBytesOnAKeptConnectionAreNoAnswer) {
  std::promise<void> first_done;
  std::promise<void> forged;
  ScriptedServer server([&](const Received& request, Reply& reply) {
    reply.send(200, {}, "body");
    if (request.connection > 1) return;
    first_done.get_future().wait();
    reply.send(200, {}, "forged");  // on loopback it has arrived when send returns
    forged.set_value();
    reply.wait_for_peer();
  });
  Client client(quick_options(server.url()));
  Recorder first;
  ASSERT_TRUE(client.run(blob_request(), first));
  EXPECT_EQ(first.body, "body");
  first_done.set_value();
  forged.get_future().wait();
  Recorder second;
  ASSERT_TRUE(client.run(blob_request(), second));
  EXPECT_FALSE(second.failure.has_value()) << second.failure->message;
  EXPECT_EQ(second.body, "body") << "a forged answer was taken";
  EXPECT_EQ(server.connections(), 2);
}

TEST(Fetch, ConnectionRefusedFailsSoonAndOpensTheCircuit) {
  std::string url;
  {
    const ScriptedServer gone([](const Received&, Reply&) {});
    url = gone.url();
  }
  Client client(quick_options(url));
  Recorder first;
  ASSERT_TRUE(client.run(blob_request(), first));
  ASSERT_TRUE(first.failure.has_value());
  EXPECT_EQ(first.failure->kind, FailureKind::unavailable);
  EXPECT_THAT(first.failure->message, HasSubstr("GET " + url + "/v2/a/b/blobs/"));
  Recorder second;
  ASSERT_TRUE(client.run(blob_request(), second));
  EXPECT_EQ(second.failure->kind, FailureKind::unavailable);
  EXPECT_THAT(second.failure->message, HasSubstr("not asked"));
  EXPECT_GE(second.failure->retry_after.count(), 1);
  EXPECT_THAT(client.metrics_text(),
              HasSubstr("entrepot_endpoint_up{upstream=\"test\",endpoint=\"" + endpoint_label(url) +
                        "\"} 0"));
}

TEST(Fetch, TheCircuitClosesWhenTheUpstreamIsBack) {
  std::atomic<bool> up = false;
  ScriptedServer server([&](const Received&, Reply& reply) {
    if (up) {
      reply.send(200, {}, "body");
    } else {
      reply.reset();
    }
  });
  Options options = quick_options(server.url());
  options.breaker.shortest = std::chrono::milliseconds(20);
  Client client(options);
  Recorder first;
  ASSERT_TRUE(client.run(blob_request(), first));
  ASSERT_TRUE(first.failure.has_value());
  EXPECT_EQ(server.count("/blobs/"), 4);
  up = true;
  const auto deadline = std::chrono::steady_clock::now() + test_deadline;
  std::optional<cache::Failure> failure = first.failure;
  while (failure && std::chrono::steady_clock::now() < deadline) {
    Recorder next;
    ASSERT_TRUE(client.run(blob_request(), next));
    failure = next.failure;
  }
  EXPECT_FALSE(failure.has_value());
  EXPECT_EQ(server.count("/blobs/"), 5) << "the closed circuit let requests through";
}

TEST(Fetch, NoHeadInTimeIsUnavailable) {
  ScriptedServer server([](const Received&, Reply& reply) { reply.wait_for_peer(); });
  Options options = quick_options(server.url());
  options.timeouts.connect = std::chrono::milliseconds(1000);  // on a busy machine, too
  options.timeouts.first_byte = std::chrono::milliseconds(50);
  options.timeouts.retry_for = std::chrono::milliseconds(50);
  Client client(options);
  Recorder recorder;
  ASSERT_TRUE(client.run(blob_request(), recorder));
  ASSERT_TRUE(recorder.failure.has_value());
  EXPECT_EQ(recorder.failure->kind, FailureKind::unavailable);
  EXPECT_THAT(recorder.failure->message, HasSubstr("no answer in 1050 ms"));
  EXPECT_EQ(server.count(""), 1);
}

}  // namespace
}  // namespace entrepot::upstream
