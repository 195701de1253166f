// SPDX-License-Identifier: Apache-2.0
// Redirects: followed by rules, refused with nothing sent.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "tests/fakes/scripted_server.h"
#include "tests/unit/proxy/upstream/client.h"

namespace entrepot::upstream {
namespace {

using cache::FailureKind;
using fakes::Received;
using fakes::ScriptedServer;
using ::testing::HasSubstr;
using ::testing::Not;
using Reply = ScriptedServer::Reply;

Options internal_options(const std::string& url) {
  Options options = quick_options(url);
  options.upstreams[0].internal = true;
  return options;
}

TEST(Redirect, IsFollowedWithRangeAndAcceptButNoAuthorization) {
  ScriptedServer cdn([](const Received& request, Reply& reply) {
    if (request.target.find("manifests") != std::string::npos) {
      reply.send(200, {}, "0123456789");
    } else {
      reply.send(206, {"Content-Range: bytes 4-9/10"}, "456789");
    }
  });
  ScriptedServer registry([&](const Received& request, Reply& reply) {
    if (request.header("authorization").empty()) {
      reply.send(401, {"WWW-Authenticate: Basic realm=\"x\""}, "");
    } else {
      reply.send(307, {"Location: " + cdn.url() + request.target + "?signature=secret"}, "");
    }
  });
  Options options = internal_options(registry.url());
  options.upstreams[0].endpoints[0].credentials.emplace_back("user", "secret");
  Client client(options);
  cache::FetchRequest request = blob_request();
  request.offset = 4;
  Recorder blob;
  ASSERT_TRUE(client.run(request, blob));
  EXPECT_FALSE(blob.failure.has_value()) << blob.failure->message;
  EXPECT_EQ(blob.body.substr(4), "456789");
  EXPECT_EQ(blob.heads.at(0).size, 10U);
  Recorder manifest;
  ASSERT_TRUE(client.run(manifest_request(), manifest));
  EXPECT_EQ(manifest.body, "0123456789");

  const auto received = cdn.received();
  ASSERT_EQ(received.size(), 2U);
  EXPECT_EQ(received[0].header("range"), "bytes=4-");
  EXPECT_THAT(received[0].target, HasSubstr("?signature=secret"));
  EXPECT_THAT(received[1].header("accept"), HasSubstr("oci.image.index"));
  for (const Received& one : received) EXPECT_EQ(one.header("authorization"), "");
}

TEST(Redirect, OnTheSameOriginKeepsTheAuthorization) {
  ScriptedServer server([](const Received& request, Reply& reply) {
    if (request.header("authorization").empty()) {
      reply.send(401, {"WWW-Authenticate: Basic realm=\"x\""}, "");
    } else if (request.target.starts_with("/v2/")) {
      reply.send(302, {"Location: /storage/blob"}, "");
    } else {
      reply.send(200, {}, "body");
    }
  });
  Options options = quick_options(server.url());  // private addresses, but the endpoint's own
  options.upstreams[0].endpoints[0].credentials.emplace_back("user", "secret");
  Client client(options);
  Recorder recorder;
  ASSERT_TRUE(client.run(blob_request(), recorder));
  EXPECT_FALSE(recorder.failure.has_value()) << recorder.failure->message;
  EXPECT_EQ(recorder.body, "body");
}

TEST(Redirect, ToPrivateAddressesIsRefusedWithNothingSent) {
  ScriptedServer target([](const Received&, Reply& reply) { reply.send(200, {}, "secret"); });
  const std::string port = std::to_string(target.port());
  for (const std::string& location :
       {"http://127.0.0.1:" + port + "/x", "http://localhost:" + port + "/x",
        "http://[::ffff:127.0.0.1]:" + port + "/x", "http://2130706433:" + port + "/x",
        "http://0x7f.1:" + port + "/x", "http://0:" + port + "/x"}) {
    ScriptedServer registry(
        [&](const Received&, Reply& reply) { reply.send(307, {"Location: " + location}, ""); });
    Client client(quick_options(registry.url()));
    Recorder recorder;
    ASSERT_TRUE(client.run(blob_request(), recorder)) << location;
    ASSERT_TRUE(recorder.failure.has_value()) << location;
    EXPECT_EQ(recorder.failure->kind, FailureKind::bad_upstream) << recorder.failure->message;
    EXPECT_THAT(recorder.failure->message, HasSubstr("\"internal\": true")) << location;
    EXPECT_EQ(registry.count(""), 1) << location;
  }
  EXPECT_EQ(target.connections(), 0);
}

TEST(Redirect, UnusableLocationsAreRefused) {
  for (const std::string& header :
       {std::string("X: no location"), std::string("Location: "),
        std::string("Location: ftp://127.0.0.1/x"), std::string("Location: http://u:p@127.0.0.1/"),
        std::string("Location: http://")}) {
    ScriptedServer registry([&](const Received&, Reply& reply) { reply.send(307, {header}, ""); });
    Client client(internal_options(registry.url()));
    Recorder recorder;
    ASSERT_TRUE(client.run(blob_request(), recorder));
    EXPECT_EQ(recorder.failure->kind, FailureKind::bad_upstream) << header;
    EXPECT_EQ(registry.count(""), 1) << header;
  }
}

TEST(Redirect, LoopsEnd) {
  ScriptedServer server([](const Received& request, Reply& reply) {
    reply.send(307, {"Location: " + request.target}, "");
  });
  Client client(quick_options(server.url()));
  Recorder recorder;
  ASSERT_TRUE(client.run(blob_request(), recorder));
  EXPECT_EQ(recorder.failure->kind, FailureKind::bad_upstream);
  EXPECT_THAT(recorder.failure->message, HasSubstr("more than 10 times"));
  EXPECT_EQ(server.count(""), 11);
}

// An expired signature leads back to the endpoint for a new one.
TEST(Redirect, ExpiredSignatureIsAskedForAgain) {
  std::atomic<int> signatures = 0;
  ScriptedServer cdn([](const Received& request, Reply& reply) {
    if (request.target.find("signature=3") != std::string::npos) {
      reply.send(200, {}, "body");
    } else {
      reply.send(403, {}, "expired");
    }
  });
  ScriptedServer registry([&](const Received&, Reply& reply) {
    reply.send(307, {"Location: " + cdn.url() + "/x?signature=" + std::to_string(++signatures)},
               "");
  });
  Client client(internal_options(registry.url()));
  Recorder recorder;
  ASSERT_TRUE(client.run(blob_request(), recorder));
  EXPECT_FALSE(recorder.failure.has_value()) << recorder.failure->message;
  EXPECT_EQ(recorder.body, "body");
  EXPECT_EQ(signatures, 3);
  Recorder refused;
  ASSERT_TRUE(client.run(blob_request(), refused));
  EXPECT_EQ(refused.failure->kind, FailureKind::denied);
  EXPECT_EQ(signatures, 6) << "two returns at most";
  EXPECT_THAT(refused.failure->message, Not(HasSubstr("signature=")));
}

TEST(Redirect, ResumesThroughANewRedirect) {
  const std::string body(1000, 'x');
  ScriptedServer cdn([&](const Received& request, Reply& reply) {
    if (request.header("range").empty()) {
      reply.head(200, {}, body.size());
      reply.raw(body.substr(0, 400));
      reply.close();
    } else {
      reply.send(206, {"Content-Range: bytes 400-999/1000"}, body.substr(400));
    }
  });
  ScriptedServer registry([&](const Received&, Reply& reply) {
    reply.send(307, {"Location: " + cdn.url() + "/x"}, "");
  });
  Client client(internal_options(registry.url()));
  Recorder recorder;
  ASSERT_TRUE(client.run(blob_request(), recorder));
  EXPECT_FALSE(recorder.failure.has_value());
  EXPECT_EQ(recorder.body, body);
  EXPECT_EQ(registry.count(""), 2) << "the redirect was kept";
}

// registry.k8s.io: the registry that really serves has a token server of its own.
TEST(Redirect, ToAnotherRegistryGetsAnAnonymousToken) {
  std::string url;
  ScriptedServer other([&](const Received& request, Reply& reply) {
    if (request.target.starts_with("/token")) {
      EXPECT_EQ(request.header("authorization"), "");
      reply.send(200, {}, R"({"token":"anonymous"})");
    } else if (request.header("authorization") == "Bearer anonymous") {
      reply.send(200, {}, "body");
    } else {
      reply.send(401, {"WWW-Authenticate: Bearer realm=\"" + url + "/token\""}, "");
    }
  });
  url = other.url();
  ScriptedServer registry([&](const Received& request, Reply& reply) {
    reply.send(307, {"Location: " + other.url() + request.target}, "");
  });
  Options options = internal_options(registry.url());
  options.upstreams[0].endpoints[0].credentials.emplace_back("user", "secret");
  Client client(options);
  Recorder recorder;
  ASSERT_TRUE(client.run(manifest_request(), recorder));
  EXPECT_FALSE(recorder.failure.has_value()) << recorder.failure->message;
  EXPECT_EQ(recorder.body, "body");
}

// ghcr.io, S3: the redirect of a HEAD is signed for GET.
TEST(Redirect, HeadRefusedByTheCdnBecomesAGetOfOneByte) {
  ScriptedServer cdn([](const Received& request, Reply& reply) {
    if (request.method == "HEAD") {
      reply.head(403, {}, 0);
    } else {
      EXPECT_EQ(request.header("range"), "bytes=0-0");
      reply.send(206, {"Content-Range: bytes 0-0/123456"}, "x");
    }
  });
  ScriptedServer registry([&](const Received& request, Reply& reply) {
    if (request.method == "HEAD") {
      reply.raw("HTTP/1.1 307 Temporary Redirect\r\nLocation: " + cdn.url() + "/x\r\n\r\n");
    } else {
      reply.send(307, {"Location: " + cdn.url() + "/x"}, "");
    }
  });
  Client client(internal_options(registry.url()));
  cache::FetchRequest request = blob_request();
  request.head = true;
  Recorder recorder;
  ASSERT_TRUE(client.run(request, recorder));
  EXPECT_FALSE(recorder.failure.has_value()) << recorder.failure->message;
  EXPECT_EQ(recorder.heads.at(0).size, 123456U);
  EXPECT_EQ(recorder.body, "");
}

}  // namespace
}  // namespace entrepot::upstream
