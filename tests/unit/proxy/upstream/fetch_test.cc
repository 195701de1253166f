// SPDX-License-Identifier: Apache-2.0
// One object over one connection: heads, bodies, what is refused, and cancelling.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "proxy/upstream/media_type.h"
#include "tests/fakes/scripted_server.h"
#include "tests/unit/proxy/upstream/client.h"

namespace entrepot::upstream {
namespace {

using cache::FailureKind;
using fakes::Received;
using fakes::ScriptedServer;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;
using namespace std::string_literals;
using Reply = ScriptedServer::Reply;

TEST(Fetch, DeliversABlob) {
  const std::string body(300'000, 'x');
  ScriptedServer server([&](const Received&, Reply& reply) {
    reply.send(
        200, {"Content-Type: application/octet-stream", "Docker-Content-Digest: " + digest_text()},
        body);
  });
  Client client(quick_options(server.url()));
  Recorder recorder;
  ASSERT_TRUE(client.run(blob_request(), recorder));
  EXPECT_FALSE(recorder.failure.has_value());
  ASSERT_THAT(recorder.heads, SizeIs(1));
  EXPECT_EQ(recorder.heads[0].size, body.size());
  EXPECT_EQ(recorder.heads[0].media_type, "application/octet-stream");
  EXPECT_EQ(recorder.heads[0].digest->str(), digest_text());
  EXPECT_EQ(recorder.heads[0].endpoint, endpoint_label(server.url()));
  EXPECT_EQ(recorder.body, body);
  EXPECT_EQ(recorder.dones, 1);
}

TEST(Fetch, AsksWithFixedHeadersAndNothingElse) {
  ScriptedServer server([](const Received&, Reply& reply) { reply.send(200, {}, "{}"); });
  Client client(quick_options(server.url() + "/prefix"));
  Recorder manifest;
  ASSERT_TRUE(client.run(manifest_request(), manifest));
  Recorder blob;
  ASSERT_TRUE(client.run(blob_request(), blob));
  const auto received = server.received();
  ASSERT_THAT(received, SizeIs(2));
  EXPECT_EQ(received[0].target, "/prefix/v2/a/b/manifests/latest");
  EXPECT_EQ(received[0].header("accept"), manifest_accept);
  EXPECT_EQ(received[0].header("accept-encoding"), "identity");
  EXPECT_THAT(received[0].header("user-agent"), HasSubstr("entrepot/"));
  EXPECT_EQ(received[0].header("authorization"), "");
  EXPECT_EQ(received[0].header("range"), "");
  EXPECT_EQ(received[0].header("cookie"), "");
  EXPECT_EQ(received[1].target, "/prefix/v2/a/b/blobs/" + digest_text());
  EXPECT_EQ(received[1].connection, 1) << "the connection is not used again";
}

TEST(Fetch, NamesTheUpstreamToAnotherMirror) {
  ScriptedServer server([](const Received&, Reply& reply) { reply.send(200, {}, "{}"); });
  Options options = quick_options(server.url());
  options.upstreams[0].endpoints[0].ns = true;
  Client client(options);
  Recorder recorder;
  ASSERT_TRUE(client.run(manifest_request(), recorder));
  EXPECT_EQ(server.received()[0].target, "/v2/a/b/manifests/latest?ns=test");
}

TEST(Fetch, HeadBringsAHeadOnly) {
  ScriptedServer server([](const Received& request, Reply& reply) {
    EXPECT_EQ(request.method, "HEAD");
    reply.head(200, {"Content-Type: " + std::string(oci_index)}, 1234);
  });
  Client client(quick_options(server.url()));
  cache::FetchRequest request = manifest_request();
  request.head = true;
  Recorder recorder;
  ASSERT_TRUE(client.run(request, recorder));
  EXPECT_FALSE(recorder.failure.has_value());
  EXPECT_EQ(recorder.heads.at(0).size, 1234U);
  EXPECT_EQ(recorder.heads.at(0).media_type, oci_index);
  EXPECT_EQ(recorder.heads.at(0).digest, std::nullopt);
  EXPECT_EQ(recorder.body, "");
}

TEST(Fetch, ChunkedHasNoSize) {
  ScriptedServer server([](const Received&, Reply& reply) {
    reply.raw(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: x\r\n\r\n");
  });
  Client client(quick_options(server.url()));
  Recorder recorder;
  ASSERT_TRUE(client.run(blob_request(), recorder));
  EXPECT_FALSE(recorder.failure.has_value());
  EXPECT_EQ(recorder.heads.at(0).size, std::nullopt);
  EXPECT_EQ(recorder.body, "abcde");
}

TEST(Fetch, HidesMediaTypesThatAreNoManifests) {
  ScriptedServer server([](const Received&, Reply& reply) {
    reply.send(200, {"Content-Type: text/html"}, "<html>");
  });
  Client client(quick_options(server.url()));
  Recorder recorder;
  ASSERT_TRUE(client.run(manifest_request(), recorder));
  EXPECT_EQ(recorder.heads.at(0).media_type, "");
  EXPECT_EQ(recorder.body, "<html>");
}

// U21: what is sent is what the digest is of.
TEST(Fetch, DeliversEncodedBytesAsSent) {
  const std::string gzipped("\x1f\x8b\x08\x00garbage", 11);
  ScriptedServer server(
      [&](const Received&, Reply& reply) { reply.send(200, {"Content-Encoding: gzip"}, gzipped); });
  Client client(quick_options(server.url()));
  Recorder recorder;
  ASSERT_TRUE(client.run(blob_request(), recorder));
  EXPECT_EQ(recorder.body, gzipped);
}

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
        StatusCase{304, FailureKind::bad_upstream, 1}, StatusCase{500, FailureKind::unavailable, 3},
        StatusCase{503, FailureKind::unavailable, 3}}) {
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

// U22
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

TEST(Fetch, AcceptsInterimResponses) {
  ScriptedServer server([](const Received&, Reply& reply) {
    reply.raw("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n");
    reply.send(200, {}, "body");
  });
  Client client(quick_options(server.url()));
  Recorder recorder;
  ASSERT_TRUE(client.run(blob_request(), recorder));
  EXPECT_FALSE(recorder.failure.has_value());
  EXPECT_EQ(recorder.body, "body");
}

// U6
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
  EXPECT_EQ(server.count("/blobs/"), 3);
  up = true;
  const auto deadline = std::chrono::steady_clock::now() + test_deadline;
  std::optional<cache::Failure> failure = first.failure;
  while (failure && std::chrono::steady_clock::now() < deadline) {
    Recorder next;
    ASSERT_TRUE(client.run(blob_request(), next));
    failure = next.failure;
  }
  EXPECT_FALSE(failure.has_value());
  EXPECT_EQ(server.count("/blobs/"), 4) << "the closed circuit let requests through";
}

TEST(Fetch, NoHeadInTimeIsUnavailable) {
  ScriptedServer server([](const Received&, Reply& reply) { reply.wait_for_peer(); });
  Options options = quick_options(server.url());
  options.timeouts.connect = std::chrono::milliseconds(100);
  options.timeouts.first_byte = std::chrono::milliseconds(50);
  options.timeouts.retry_for = std::chrono::milliseconds(50);
  Client client(options);
  Recorder recorder;
  ASSERT_TRUE(client.run(blob_request(), recorder));
  ASSERT_TRUE(recorder.failure.has_value());
  EXPECT_EQ(recorder.failure->kind, FailureKind::unavailable);
  EXPECT_THAT(recorder.failure->message, HasSubstr("no answer in 150 ms"));
  EXPECT_EQ(server.count(""), 1);
}

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

TEST(Fetch, CountsWhatItDid) {
  ScriptedServer server([](const Received&, Reply& reply) {
    reply.send(200, {"RateLimit-Remaining: 20;w=21600"}, "0123456789");
  });
  Client client(quick_options(server.url()));
  Recorder recorder;
  ASSERT_TRUE(client.run(blob_request(), recorder));
  client.on_loop([&] {
    client.source().report_mismatch("test", endpoint_label(server.url()),
                                    *cache::Digest::parse(digest_text()));
  });
  const std::string text = client.metrics_text();
  const std::string labels = "{upstream=\"test\",endpoint=\"" + endpoint_label(server.url()) + "\"";
  EXPECT_THAT(text, HasSubstr("entrepot_upstream_requests_total" + labels +
                              ",kind=\"blob\",code=\"200\"} 1"));
  EXPECT_THAT(text, HasSubstr("entrepot_upstream_bytes_total" + labels + "} 10"));
  EXPECT_THAT(text, HasSubstr("entrepot_ratelimit_remaining" + labels + "} 20"));
  EXPECT_THAT(text, HasSubstr("entrepot_digest_mismatches_total" + labels + "} 1"));
  EXPECT_THAT(text,
              HasSubstr("entrepot_upstream_time_to_first_byte_seconds_count" + labels + "} 1"));
}

}  // namespace
}  // namespace entrepot::upstream
