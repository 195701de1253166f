// SPDX-License-Identifier: Apache-2.0
// TLS: the trusted certificates, and no way from https to plain http.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/fakes/scripted_server.h"
#include "tests/fakes/tls_identity.h"
#include "tests/unit/proxy/upstream/client.h"

namespace entrepot::upstream {
namespace {

using cache::FailureKind;
using fakes::Received;
using fakes::ScriptedServer;
using fakes::TlsIdentity;
using ::testing::HasSubstr;
using Reply = ScriptedServer::Reply;

Options trusting(const ScriptedServer& server, const TlsIdentity& identity) {
  Options options = quick_options(server.url());
  options.upstreams[0].ca_file = identity.ca_file();
  return options;
}

void answer(const Received&, Reply& reply) { reply.send(200, {}, "body"); }

TEST(Tls, TrustsAPrivateCaByFileAndKeepsTheConnection) {
  const TlsIdentity identity;
  ScriptedServer server(&answer, &identity);
  Client client(trusting(server, identity));
  for (int i = 0; i < 3; ++i) {
    Recorder recorder;
    ASSERT_TRUE(client.run(blob_request(), recorder));
    EXPECT_FALSE(recorder.failure.has_value()) << recorder.failure->message;
    EXPECT_EQ(recorder.body, "body");
  }
  EXPECT_EQ(server.connections(), 1) << "session tickets are taken for stray bytes";
}

TEST(Tls, UnknownCaIsRefusedAtOnce) {
  const TlsIdentity identity;
  ScriptedServer server(&answer, &identity);
  Client client(quick_options(server.url()));
  Recorder recorder;
  ASSERT_TRUE(client.run(blob_request(), recorder));
  ASSERT_TRUE(recorder.failure.has_value());
  EXPECT_EQ(recorder.failure->kind, FailureKind::bad_upstream);
  EXPECT_THAT(recorder.failure->message, HasSubstr("ca_file"));
  EXPECT_EQ(server.connections(), 1) << "tried again";
  EXPECT_EQ(server.count(""), 0);
}

TEST(Tls, WrongNameAndExpiredAreRefused) {
  for (const TlsIdentity::Options& options : {TlsIdentity::Options{.name = "IP:127.0.0.2"},
                                              TlsIdentity::Options{.name = "DNS:registry.example"},
                                              TlsIdentity::Options{.lifetime = -3600}}) {
    const TlsIdentity identity(options);
    ScriptedServer server(&answer, &identity);
    Client client(trusting(server, identity));
    Recorder recorder;
    ASSERT_TRUE(client.run(blob_request(), recorder));
    ASSERT_TRUE(recorder.failure.has_value());
    EXPECT_EQ(recorder.failure->kind, FailureKind::bad_upstream) << recorder.failure->message;
    EXPECT_EQ(server.count(""), 0);
  }
}

TEST(Tls, OldVersionsAreRefused) {
  const TlsIdentity identity({.max_version = TLS1_1_VERSION});
  ScriptedServer server(&answer, &identity);
  Client client(trusting(server, identity));
  Recorder recorder;
  ASSERT_TRUE(client.run(blob_request(), recorder));
  ASSERT_TRUE(recorder.failure.has_value());
  EXPECT_EQ(recorder.failure->kind, FailureKind::bad_upstream) << recorder.failure->message;
  EXPECT_EQ(server.count(""), 0);
}

TEST(Tls, HandshakeThatStallsEndsWithTheConnectTimeout) {
  // A server that never speaks: it waits for a whole request, which a TLS hello is not.
  ScriptedServer mute(&answer);
  Options options = quick_options("https://127.0.0.1:" + std::to_string(mute.port()));
  options.timeouts.connect = std::chrono::milliseconds(100);
  options.timeouts.retry_for = std::chrono::milliseconds(50);
  Client client(options);
  Recorder recorder;
  ASSERT_TRUE(client.run(blob_request(), recorder));
  ASSERT_TRUE(recorder.failure.has_value());
  EXPECT_EQ(recorder.failure->kind, FailureKind::unavailable) << recorder.failure->message;
}

// For internal upstreams as well.
TEST(Tls, RedirectToPlainHttpIsRefusedWithNothingSent) {
  ScriptedServer plain(&answer);
  const TlsIdentity identity;
  ScriptedServer server(
      [&](const Received&, Reply& reply) {
        reply.send(307, {"Location: " + plain.url() + "/x?signature=secret"}, "");
      },
      &identity);
  for (const bool internal : {false, true}) {
    Options options = trusting(server, identity);
    options.upstreams[0].internal = internal;
    Client client(options);
    Recorder recorder;
    ASSERT_TRUE(client.run(blob_request(), recorder));
    ASSERT_TRUE(recorder.failure.has_value());
    EXPECT_EQ(recorder.failure->kind, FailureKind::bad_upstream);
    EXPECT_THAT(recorder.failure->message, HasSubstr("plain http"));
    EXPECT_THAT(recorder.failure->message, ::testing::Not(HasSubstr("signature")));
  }
  EXPECT_EQ(plain.connections(), 0);
}

TEST(Tls, RealmOnPlainHttpIsNotAsked) {
  ScriptedServer plain(&answer);
  const TlsIdentity identity;
  ScriptedServer server(
      [&](const Received&, Reply& reply) {
        reply.send(401, {"WWW-Authenticate: Bearer realm=\"" + plain.url() + "/token\""}, "");
      },
      &identity);
  Options options = trusting(server, identity);
  options.upstreams[0].endpoints[0].credentials.emplace_back("user", "secret");
  Client client(options);
  Recorder recorder;
  ASSERT_TRUE(client.run(blob_request(), recorder));
  EXPECT_EQ(recorder.failure->kind, FailureKind::bad_upstream);
  EXPECT_THAT(recorder.failure->message, HasSubstr("plain http"));
  EXPECT_EQ(plain.connections(), 0);
}

}  // namespace
}  // namespace entrepot::upstream
