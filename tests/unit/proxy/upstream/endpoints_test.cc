// SPDX-License-Identifier: Apache-2.0
// Several endpoints of one upstream: who is asked, who is asked next, and what nobody notices.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "proxy/upstream/endpoint/probe.h"
#include "tests/fakes/scripted_server.h"
#include "tests/unit/proxy/upstream/client.h"

namespace entrepot::upstream {
namespace {

using cache::FailureKind;
using fakes::Received;
using fakes::ScriptedServer;
using std::chrono::milliseconds;
using Reply = ScriptedServer::Reply;

const std::string content = "what all endpoints have";

bool is_ping(const Received& request) { return request.target == "/v2/"; }

void pong(Reply& reply) { reply.send(200, {"Content-Type: application/json"}, "{}"); }

/// Answers probes as a registry does and leaves the rest to `script`.
ScriptedServer::Script registry(ScriptedServer::Script script) {
  return [script = std::move(script)](const Received& request, Reply& reply) {
    if (is_ping(request)) return pong(reply);
    script(request, reply);
  };
}

ScriptedServer::Script answering(int status, std::string body = content) {
  return registry([status, body = std::move(body)](const Received&, Reply& reply) {
    reply.send(status, {"Content-Type: application/octet-stream"}, body);
  });
}

int questions(const ScriptedServer& server) { return server.count("/blobs/"); }

/// The value of a series; 0 where there is no such line.
int sample(const Client& client, const std::string& series) {
  const std::string text = client.metrics_text();
  const auto at = text.find("\n" + series + " ");
  return at == std::string::npos ? 0 : std::stoi(text.substr(at + series.size() + 2));
}

class Endpoints : public ::testing::Test {
 protected:
  void expect_content(Client& client) {
    Recorder recorder;
    ASSERT_TRUE(client.run(blob_request(), recorder));
    ASSERT_FALSE(recorder.failure.has_value()) << recorder.failure->message;
    EXPECT_EQ(recorder.body, content);
    EXPECT_EQ(recorder.dones, 1);
  }
  cache::Failure expect_failure(Client& client) {
    Recorder recorder;
    EXPECT_TRUE(client.run(blob_request(), recorder));
    EXPECT_TRUE(recorder.failure.has_value());
    EXPECT_EQ(recorder.dones, 1);
    return recorder.failure.value_or(cache::Failure{});
  }
};

TEST_F(Endpoints, AnyFailureOfOneIsMadeGoodByTheOther) {
  for (const int status : {401, 403, 404, 429, 500, 503}) {
    ScriptedServer bad(answering(status, "no"));
    ScriptedServer good(answering(200));
    Client client(quick_options({bad.url(), good.url()}));
    expect_content(client);
    EXPECT_LE(questions(bad), 1) << status;
    EXPECT_EQ(questions(good), 1) << status;
  }
}

TEST_F(Endpoints, ADeadOneCostsOneQuestion) {
  std::string dead;
  {
    const ScriptedServer gone(answering(200));
    dead = gone.url();
  }
  ScriptedServer good(answering(200));
  Client client(quick_options({dead, good.url()}));
  for (int i = 0; i < 10; ++i) expect_content(client);
  EXPECT_EQ(questions(good), 10);
  const auto failed = [&](const std::string& kind) {
    return sample(client, "entrepot_upstream_requests_total{upstream=\"test\",endpoint=\"" +
                              endpoint_label(dead) + "\",kind=\"" + kind + "\",code=\"0\"}");
  };
  EXPECT_LE(failed("blob"), 1);
  EXPECT_GE(failed("blob") + failed("ping"), 1) << "nobody has asked it";
}

TEST_F(Endpoints, NotFoundIsDoubtfulWhileOneCannotSay) {
  for (const int status : {404, 503}) {
    ScriptedServer first(answering(status, "no"));
    ScriptedServer second(answering(404, "no"));
    Client client(quick_options({first.url(), second.url()}));
    const auto failure = expect_failure(client);
    EXPECT_EQ(failure.kind, FailureKind::not_found) << status;
    EXPECT_EQ(failure.doubtful, status == 503);
    EXPECT_GE(questions(first), 1) << status;
    EXPECT_EQ(questions(second), 1) << "who has said no is not asked again";
  }
}

TEST_F(Endpoints, OneThatWasDownIsAskedBeforeItIsSaidThatNobodyHasIt) {
  std::atomic<int> asked = 0;
  ScriptedServer registry_itself([&](const Received& request, Reply& reply) {
    if (is_ping(request)) return reply.reset();
    if (asked++ == 0) return reply.reset();
    reply.send(200, {}, content);
  });
  ScriptedServer mirror(answering(404, "no"));
  auto options = quick_options({registry_itself.url(), mirror.url()});
  options.breaker.threshold = 1000;
  Client client(options);
  for (int i = 0; i < 3; ++i) expect_content(client);
}

TEST_F(Endpoints, ABodyThatBreaksGoesOnElsewhere) {
  const std::string body(300'000, 'x');
  for (const auto cut : {&Reply::close, &Reply::reset}) {
    ScriptedServer breaking(registry([&](const Received&, Reply& reply) {
      reply.head(200, {"ETag: \"mine\""}, body.size());
      reply.raw(std::string_view(body).substr(0, 100'000));
      (reply.*cut)();
    }));
    ScriptedServer other(registry([&](const Received& request, Reply& reply) {
      const auto from = std::stoul(request.header("range").substr(6));
      reply.head(206, {"Content-Range: bytes " + std::to_string(from) + "-299999/300000"},
                 body.size() - from);
      reply.raw(std::string_view(body).substr(from));
    }));
    Client client(quick_options({breaking.url(), other.url()}));
    Recorder recorder;
    ASSERT_TRUE(client.run(blob_request(), recorder));
    EXPECT_FALSE(recorder.failure.has_value()) << recorder.failure->message;
    EXPECT_TRUE(recorder.body == body);
    EXPECT_EQ(recorder.heads.size(), 1U);
    EXPECT_EQ(questions(breaking), 1);
    ASSERT_EQ(questions(other), 1);
    for (const auto& request : other.received())
      EXPECT_EQ(request.header("if-range"), "") << "another's ETag means nothing here";
  }
}

TEST_F(Endpoints, ALateOneIsHedged) {
  std::atomic<bool> asked = false;
  ScriptedServer late(registry([&](const Received&, Reply& reply) {
    asked = true;
    asked.notify_all();
    reply.wait_for_peer();
  }));
  ScriptedServer good(registry([&](const Received&, Reply& reply) {
    asked.wait(false);  // answers once the late one is being asked
    reply.send(200, {}, content);
  }));
  auto options = quick_options({late.url(), good.url()});
  options.timeouts.patience = milliseconds(30);
  Client client(options);
  Recorder recorder;
  Recorded recorded;
  ASSERT_TRUE(client.run(recorded.request, recorder));
  EXPECT_EQ(recorder.body, content);
  EXPECT_EQ(recorded.work().moves, 1U);
  EXPECT_EQ(recorded.work().first_moves.at(0).reason, metrics::MoveReason::late);
  EXPECT_EQ(questions(late), 1);
  expect_content(client);
  EXPECT_EQ(questions(late), 1) << "its lateness has not been learnt";
}

TEST_F(Endpoints, TheFirstMayWinAfterAll) {
  std::atomic<bool> asked = false;
  ScriptedServer second(registry([&](const Received&, Reply& reply) {
    asked = true;
    asked.notify_all();
    reply.wait_for_peer();
  }));
  ScriptedServer first(registry([&](const Received&, Reply& reply) {
    asked.wait(false);  // answers once the second is on its way
    reply.send(200, {}, content);
  }));
  auto options = quick_options({first.url(), second.url()});
  options.timeouts.patience = milliseconds(1);
  Client client(options);
  expect_content(client);
  EXPECT_EQ(questions(first), 1);
  EXPECT_EQ(questions(second), 1);
}

TEST_F(Endpoints, AHedgeThatFailsLeavesTheFirstAlone) {
  std::atomic<bool> refused = false;
  ScriptedServer second(registry([&](const Received&, Reply& reply) {
    reply.send(404, {}, "no");
    refused = true;
    refused.notify_all();
  }));
  ScriptedServer first(registry([&](const Received&, Reply& reply) {
    refused.wait(false);
    reply.send(200, {}, content);
  }));
  auto options = quick_options({first.url(), second.url()});
  options.timeouts.patience = milliseconds(1);
  Client client(options);
  expect_content(client);
  EXPECT_EQ(questions(first), 1);
}

TEST_F(Endpoints, HedgesAreFew) {
  ScriptedServer first(answering(200));
  ScriptedServer second(answering(200));
  auto options = quick_options({first.url(), second.url()});
  options.timeouts.patience = milliseconds(0);  // every answer is late
  options.limits.hedges = 0;                    // and none is earned by asking
  Client client(options);
  for (int i = 0; i < 40; ++i) expect_content(client);
  EXPECT_LE(questions(first) + questions(second), 50) << "ten to begin with";
}

TEST_F(Endpoints, ASlowBodyMovesToAFasterOne) {
  const std::string body(2'000'000, 'y');
  std::atomic<bool> moved = false;
  ScriptedServer slow(registry([&](const Received&, Reply& reply) {
    reply.head(200, {}, body.size());
    // 10 KiB a second would take minutes.
    for (std::size_t at = 0; at < body.size() && !moved; at += 1000) {
      reply.raw(std::string_view(body).substr(at, 1000));
      moved.wait(false);
    }
  }));
  ScriptedServer fast(registry([&](const Received& request, Reply& reply) {
    moved = true;
    moved.notify_all();
    const std::string range = request.header("range");
    const auto from = range.empty() ? 0 : std::stoul(range.substr(6));
    reply.head(206, {"Content-Range: bytes " + std::to_string(from) + "-1999999/2000000"},
               body.size() - from);
    reply.raw(std::string_view(body).substr(from));
  }));
  auto options = quick_options({slow.url(), fast.url()});
  options.timeouts.stall = std::chrono::minutes(1);  // it is slow and not still
  Client client(options);
  Recorder recorder;
  Recorded recorded;
  ASSERT_TRUE(client.run(recorded.request, recorder));
  EXPECT_FALSE(recorder.failure.has_value());
  EXPECT_TRUE(recorder.body == body);
  const auto work = recorded.work();
  ASSERT_EQ(work.moves, 1U);
  EXPECT_EQ(work.first_moves[0].from, endpoint_label(slow.url()));
  EXPECT_EQ(work.first_moves[0].to, endpoint_label(fast.url()));
  EXPECT_EQ(work.first_moves[0].reason, metrics::MoveReason::slow);
  EXPECT_EQ(work.endpoints, (std::vector{endpoint_label(slow.url()), endpoint_label(fast.url())}));
  EXPECT_GE(work.stalls, 1U) << "it stood still before it moved";
  EXPECT_EQ(questions(slow), 1);
  EXPECT_EQ(questions(fast), 1);
}

TEST_F(Endpoints, WrongBytesMakeOneSuspect) {
  ScriptedServer first(answering(200));
  ScriptedServer second(answering(200));
  Client client(quick_options({first.url(), second.url()}));
  expect_content(client);
  ASSERT_EQ(questions(first), 1);
  client.on_loop([&] {
    client.source().report_mismatch("test", endpoint_label(first.url()),
                                    *cache::Digest::parse(digest_text()));
  });
  for (int i = 0; i < 5; ++i) expect_content(client);
  EXPECT_EQ(questions(first), 1);
  EXPECT_EQ(questions(second), 5);
}

TEST_F(Endpoints, CredentialsGoToTheirEndpointOnly) {
  ScriptedServer first(registry([](const Received& request, Reply& reply) {
    if (request.header("authorization").empty())
      return reply.send(401, {"WWW-Authenticate: Basic realm=\"r\""}, "");
    reply.reset();  // and breaks, so that the other is asked
  }));
  ScriptedServer second(registry([](const Received& request, Reply& reply) {
    if (request.header("authorization").empty())
      return reply.send(401, {"WWW-Authenticate: Basic realm=\"r\""}, "");
    reply.send(200, {}, content);
  }));
  auto options = quick_options({first.url(), second.url()});
  options.upstreams[0].endpoints[0].credentials.emplace_back("user", "secret");
  Client client(options);
  EXPECT_EQ(expect_failure(client).kind, FailureKind::denied);
  EXPECT_GE(questions(first), 2);
  for (const auto& request : second.received()) EXPECT_EQ(request.header("authorization"), "");
}

TEST(Probe, AnyAnswerExceptAServerErrorAndAPageIsUp) {
  const struct {
    int status;
    std::string_view type;
    std::string_view api_version;
    ProbeVerdict verdict;
  } cases[] = {
      {200, "application/json", "", ProbeVerdict::up},
      {200, "", "", ProbeVerdict::up},
      {200, "text/html; charset=utf-8", "registry/2.0", ProbeVerdict::up},
      {200, "text/html; charset=utf-8", "", ProbeVerdict::unclear},
      {204, "", "", ProbeVerdict::up},
      {302, "text/html", "", ProbeVerdict::up},
      {401, "", "", ProbeVerdict::up},
      {401, "text/html", "", ProbeVerdict::up},
      {403, "text/html", "", ProbeVerdict::unclear},
      {403, "application/json", "", ProbeVerdict::up},
      {404, "text/html", "", ProbeVerdict::unclear},
      {429, "application/json", "", ProbeVerdict::down},
      {500, "application/json", "registry/2.0", ProbeVerdict::down},
      {503, "", "", ProbeVerdict::down},
  };
  for (const auto& c : cases) {
    ResponseHead head;
    head.status = c.status;
    head.content_type = c.type;
    head.api_version = c.api_version;
    EXPECT_EQ(judge_probe(head), c.verdict) << c.status << ' ' << c.type;
  }
}

TEST(KnowledgeTest, ASuccessCountsUntilNothingIsAnswered) {
  EndpointStats knowledge;
  EndpointStats::Time now{std::chrono::hours(1)};
  EXPECT_FALSE(knowledge.works_since({})) << "nothing is known";
  knowledge.succeeded(now);
  EXPECT_TRUE(knowledge.works_since(now - milliseconds(1)));
  EXPECT_FALSE(knowledge.works_since(now + milliseconds(1)));
  knowledge.faulty(now + milliseconds(2));
  EXPECT_TRUE(knowledge.works_since(now)) << "an error is an answer";
  knowledge.unreachable(now + milliseconds(2));
  EXPECT_FALSE(knowledge.works_since(now));
  knowledge.succeeded(now + milliseconds(3));
  EXPECT_TRUE(knowledge.works_since(now));
}

TEST_F(Endpoints, ALimitedOneIsNotAskedNotEvenByAProbe) {
  ScriptedServer limited(
      [](const Received&, Reply& reply) { reply.send(429, {"Retry-After: 60"}, ""); });
  ScriptedServer good(answering(200));
  auto options = quick_options({limited.url(), good.url()});
  options.timeouts.probe_used = milliseconds(5);
  Client client(options);
  for (int i = 0; i < 20; ++i) expect_content(client);
  EXPECT_GE(limited.count("/v2/"), 1) << "nobody has asked it";
  // A probe and the first question may have been under way together.
  EXPECT_LE(limited.count("/v2/"), 2);
}

TEST_F(Endpoints, TagsComeFromTheOtherToo) {
  ScriptedServer bad(answering(500, "no"));
  ScriptedServer good(registry([](const Received&, Reply& reply) {
    reply.send(200, {"Content-Type: application/json"}, R"({"name":"a/b","tags":["one"]})");
  }));
  Client client(quick_options({bad.url(), good.url()}));
  ListingRecorder recorder;
  ASSERT_TRUE(client.list_tags(recorder));
  ASSERT_TRUE(recorder.listing.has_value()) << recorder.failure.message;
  EXPECT_EQ(recorder.listing->tags, "one\n");
}

TEST_F(Endpoints, ReportsARefusalOfReferrersRatherThanNone) {
  ScriptedServer refusing(registry([](const Received& request, Reply& reply) {
    reply.send(request.target.find("/referrers/") != std::string::npos ? 403 : 404, {}, "no");
  }));
  ScriptedServer empty(registry([](const Received&, Reply& reply) { reply.send(404, {}, "no"); }));
  for (const bool first : {true, false}) {
    Client client(
        quick_options({(first ? refusing : empty).url(), (first ? empty : refusing).url()}));
    ListingRecorder recorder;
    ASSERT_TRUE(client.list_referrers(*cache::Digest::parse(digest_text()), recorder));
    EXPECT_FALSE(recorder.listing.has_value());
    EXPECT_EQ(recorder.failure.kind, FailureKind::denied);
  }
}

TEST_F(Endpoints, ReferrersThatOneDoesNotHaveAreAskedOfTheOther) {
  ScriptedServer mirror(registry([](const Received&, Reply& reply) { reply.send(404, {}, "no"); }));
  ScriptedServer good(registry([](const Received& request, Reply& reply) {
    if (request.target.find("/referrers/") == std::string::npos) return reply.send(404, {}, "no");
    reply.send(200, {"Content-Type: application/vnd.oci.image.index.v1+json"},
               R"({"schemaVersion":2,"manifests":[{"mediaType":"a/b","size":1,"digest":")" +
                   digest_text('7') + R"("}]})");
  }));
  Client client(quick_options({mirror.url(), good.url()}));
  ListingRecorder recorder;
  ASSERT_TRUE(client.list_referrers(*cache::Digest::parse(digest_text()), recorder));
  ASSERT_TRUE(recorder.listing.has_value()) << recorder.failure.message;
  EXPECT_THAT(*cache::Referrers(recorder.listing->referrers).text(),
              testing::HasSubstr(digest_text('7')));
}

TEST(OneEndpoint, IsNotProbed) {
  ScriptedServer server(answering(200));
  Client client(quick_options(server.url()));
  Recorder recorder;
  ASSERT_TRUE(client.run(blob_request(), recorder));
  EXPECT_EQ(server.received().size(), 1U);
}

}  // namespace
}  // namespace entrepot::upstream
