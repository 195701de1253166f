// SPDX-License-Identifier: Apache-2.0
// One object over one connection: what is asked for, what is delivered, what is counted.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/upstream/wire/media_type.h"
#include "tests/fakes/scripted_server.h"
#include "tests/unit/proxy/upstream/client.h"

namespace entrepot::upstream {
namespace {

using fakes::Received;
using fakes::ScriptedServer;
using ::testing::HasSubstr;
using ::testing::SizeIs;
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
  EXPECT_EQ(received[0].header("accept"), std::string(manifest_accept) + ", */*");
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
  // A mirror is near if the connection took less than 10 ms, which a busy machine may miss.
  bool near_mirror = false;
  for (int attempt = 0; attempt < 20 && !near_mirror; ++attempt) {
    Client client(options);
    Recorder recorder;
    ASSERT_TRUE(client.run(manifest_request(), recorder));
    near_mirror = recorder.heads.at(0).near_mirror;
  }
  EXPECT_EQ(server.received()[0].target, "/v2/a/b/manifests/latest?ns=test");
  EXPECT_TRUE(near_mirror);
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
  EXPECT_FALSE(recorder.heads.at(0).near_mirror) << "it is the registry itself";
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
  ScriptedServer server(
      [](const Received&, Reply& reply) { reply.send(200, {"Content-Type: text/plain"}, "text"); });
  Client client(quick_options(server.url()));
  Recorder recorder;
  ASSERT_TRUE(client.run(manifest_request(), recorder));
  EXPECT_EQ(recorder.heads.at(0).media_type, "");
  EXPECT_EQ(recorder.body, "text");
}

TEST(Fetch, CallsAPageWhatItIs) {
  std::atomic<bool> registry{false};
  ScriptedServer server([&](const Received&, Reply& reply) {
    std::vector<std::string> fields{"Content-Type: text/html"};
    if (registry) fields.push_back("Docker-Distribution-Api-Version: registry/2.0");
    reply.send(200, fields, "<html>");
  });
  Client client(quick_options(server.url()));
  Recorder page;
  ASSERT_TRUE(client.run(manifest_request(), page));
  ASSERT_TRUE(page.failure);
  EXPECT_EQ(page.failure->kind, cache::FailureKind::bad_upstream);
  EXPECT_THAT(page.failure->message, ::testing::HasSubstr("login page"));
  registry = true;
  Recorder mislabelled;
  ASSERT_TRUE(client.run(manifest_request(), mislabelled));
  EXPECT_FALSE(mislabelled.failure) << "the digest will decide";
}

// The digest is that of the bytes as sent.
TEST(Fetch, DeliversEncodedBytesAsSent) {
  const std::string gzipped("\x1f\x8b\x08\x00garbage", 11);
  ScriptedServer server(
      [&](const Received&, Reply& reply) { reply.send(200, {"Content-Encoding: gzip"}, gzipped); });
  Client client(quick_options(server.url()));
  Recorder recorder;
  ASSERT_TRUE(client.run(blob_request(), recorder));
  EXPECT_EQ(recorder.body, gzipped);
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
