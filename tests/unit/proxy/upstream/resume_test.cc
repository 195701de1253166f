// SPDX-License-Identifier: Apache-2.0
// A body that breaks is resumed where it stopped, and the sink sees one transfer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/fakes/scripted_server.h"
#include "tests/unit/proxy/upstream/client.h"

namespace entrepot::upstream {
namespace {

using cache::FailureKind;
using fakes::Received;
using fakes::ScriptedServer;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using Reply = ScriptedServer::Reply;

/// Bytes that tell their place.
std::string counted(std::size_t size) {
  std::string text;
  while (text.size() < size) text += std::to_string(text.size()) + ",";
  text.resize(size);
  return text;
}

/// The first byte a request asks for.
std::size_t asked_from(const Received& request) {
  const std::string range = request.header("range");
  return range.empty() ? 0 : std::stoul(range.substr(std::string("bytes=").size()));
}

std::vector<std::string> part_headers(std::size_t begin, std::size_t total) {
  return {"Content-Range: bytes " + std::to_string(begin) + "-" + std::to_string(total - 1) + "/" +
          std::to_string(total)};
}

/// Answers ranges of `body`, and ends each connection by `cut` after `piece` bytes.
ScriptedServer::Script cutting(const std::string& body, std::size_t piece, void (Reply::*cut)()) {
  return [&body, piece, cut](const Received& request, Reply& reply) {
    const std::size_t begin = asked_from(request);
    auto headers = begin > 0 ? part_headers(begin, body.size()) : std::vector<std::string>();
    headers.emplace_back("ETag: \"strong\"");
    reply.head(begin > 0 ? 206 : 200, headers, body.size() - begin);
    reply.raw(std::string_view(body).substr(begin, piece));
    if (begin + piece < body.size()) (reply.*cut)();
  };
}

cache::FetchRequest piece_request(std::uint64_t offset, std::uint64_t end) {
  auto request = blob_request();
  request.offset = offset;
  request.end = end;
  return request;
}

TEST(Resume, GoesOnAfterFinAndAfterReset) {
  const std::string body = counted(500'000);
  for (auto cut : {&Reply::close, &Reply::reset}) {
    ScriptedServer server(cutting(body, 200'000, cut));
    Client client(quick_options(server.url()));
    Recorder recorder;
    Recorded recorded;
    ASSERT_TRUE(client.run(recorded.request, recorder));
    EXPECT_FALSE(recorder.failure.has_value()) << recorder.failure->message;
    EXPECT_TRUE(recorder.body == body);
    EXPECT_THAT(recorder.heads, SizeIs(1));
    const auto work = recorded.work();
    EXPECT_EQ(work.resumes, server.received().size() - 1);
    EXPECT_EQ(work.stalls + work.moves, 0U);
    EXPECT_EQ(work.endpoints, std::vector{endpoint_label(server.url())});
    EXPECT_GT(work.awaited.count(), 0);
    EXPECT_TRUE(std::is_sorted(recorder.offsets.begin(), recorder.offsets.end()));
    const auto received = server.received();
    ASSERT_GE(received.size(), 3U);
    EXPECT_THAT(received[1].header("range"), testing::MatchesRegex("bytes=[1-9][0-9]*-"));
    EXPECT_EQ(received[1].header("if-range"), "\"strong\"");
  }
}

TEST(Resume, BeginsAtTheOffsetAsked) {
  const std::string body = counted(1000);
  ScriptedServer server(cutting(body, 1000, &Reply::close));
  Client client(quick_options(server.url()));
  cache::FetchRequest request = blob_request();
  request.offset = 600;
  Recorder recorder;
  ASSERT_TRUE(client.run(request, recorder));
  EXPECT_FALSE(recorder.failure.has_value());
  EXPECT_EQ(recorder.heads.at(0).size, 1000U);
  EXPECT_EQ(recorder.offsets.at(0), 600U);
  EXPECT_EQ(recorder.body.substr(600), body.substr(600));
  EXPECT_EQ(server.received()[0].header("range"), "bytes=600-");
  EXPECT_EQ(server.received()[0].header("if-range"), "");
}

/// Answers ranges with both ends of `body`, `more` bytes beyond what was asked for, and ends each
/// answer after `piece` bytes.
ScriptedServer::Script bounded(const std::string& body, std::size_t piece, std::size_t more = 0) {
  return [&body, piece, more](const Received& request, Reply& reply) {
    const std::size_t begin = asked_from(request);
    const std::string range = request.header("range");
    const std::size_t end =
        std::min(body.size(), std::stoul(range.substr(range.find('-') + 1)) + 1 + more);
    reply.head(206,
               {"Content-Range: bytes " + std::to_string(begin) + "-" + std::to_string(end - 1) +
                "/" + std::to_string(body.size())},
               end - begin);
    reply.raw(std::string_view(body).substr(begin, std::min(piece, end - begin)));
    if (begin + piece < end) reply.close();
  };
}

TEST(Resume, APieceIsAskedForByBothItsEnds) {
  const std::string body = counted(1000);
  for (const std::uint64_t offset : {0U, 600U}) {
    ScriptedServer server(bounded(body, 1000));
    Client client(quick_options(server.url()));
    const auto request = piece_request(offset, offset + 100);
    Recorder recorder;
    ASSERT_TRUE(client.run(request, recorder));
    EXPECT_FALSE(recorder.failure.has_value()) << recorder.failure->message;
    EXPECT_EQ(recorder.heads.at(0).size, 1000U);
    EXPECT_FALSE(recorder.heads.at(0).from_beginning);
    EXPECT_EQ(recorder.offsets.at(0), offset);
    EXPECT_EQ(recorder.body.substr(offset), body.substr(offset, 100));
    EXPECT_EQ(server.received()[0].header("range"),
              "bytes=" + std::to_string(offset) + "-" + std::to_string(offset + 99));
  }
}

TEST(Resume, APieceThatBreaksGoesOnToItsEnd) {
  const std::string body = counted(1000);
  ScriptedServer server(bounded(body, 60));
  Client client(quick_options(server.url()));
  const auto request = piece_request(600, 700);
  Recorder recorder;
  ASSERT_TRUE(client.run(request, recorder));
  EXPECT_FALSE(recorder.failure.has_value()) << recorder.failure->message;
  EXPECT_EQ(recorder.body.substr(600), body.substr(600, 100));
  ASSERT_THAT(server.received(), SizeIs(2));
  EXPECT_EQ(server.received()[1].header("range"), "bytes=660-699");
}

TEST(Resume, APieceBeyondTheEndEndsWithTheObject) {
  const std::string body = counted(1000);
  ScriptedServer server(bounded(body, 1000));
  Client client(quick_options(server.url()));
  const auto request = piece_request(900, 5000);
  Recorder recorder;
  ASSERT_TRUE(client.run(request, recorder));
  EXPECT_FALSE(recorder.failure.has_value()) << recorder.failure->message;
  EXPECT_EQ(recorder.body.substr(900), body.substr(900));
}

TEST(Resume, MoreThanThePieceIsNotTaken) {
  const std::string body = counted(1000);
  ScriptedServer server(bounded(body, 1000, 50));
  Client client(quick_options(server.url()));
  const auto request = piece_request(100, 200);
  Recorder recorder;
  ASSERT_TRUE(client.run(request, recorder));
  EXPECT_FALSE(recorder.failure.has_value()) << recorder.failure->message;
  EXPECT_EQ(recorder.body.substr(100), body.substr(100, 100));
}

TEST(Resume, AnIgnoredPieceIsToldAndEndsThere) {
  const std::string body = counted(300'000);
  ScriptedServer server([&](const Received&, Reply& reply) { reply.send(200, {}, body); });
  Client client(quick_options(server.url()));
  const auto request = piece_request(1000, 2000);
  Recorder recorder;
  ASSERT_TRUE(client.run(request, recorder));
  EXPECT_FALSE(recorder.failure.has_value()) << recorder.failure->message;
  EXPECT_TRUE(recorder.heads.at(0).from_beginning);
  EXPECT_EQ(recorder.heads.at(0).size, body.size());
  EXPECT_EQ(recorder.body, body.substr(0, 2000));
}

TEST(Resume, StartsAgainWhereTheRangeIsIgnored) {
  const std::string body = counted(300'000);
  int asked = 0;
  ScriptedServer server([&](const Received&, Reply& reply) {
    reply.head(200, {}, body.size());
    const bool first = ++asked == 1;
    reply.raw(std::string_view(body).substr(0, first ? 100'000 : body.size()));
    if (first) reply.close();
  });
  Client client(quick_options(server.url()));
  Recorder recorder;
  ASSERT_TRUE(client.run(blob_request(), recorder));
  EXPECT_FALSE(recorder.failure.has_value());
  EXPECT_TRUE(recorder.body == body);
  EXPECT_TRUE(recorder.repeats_agree);
  EXPECT_EQ(std::count(recorder.offsets.begin(), recorder.offsets.end(), 0U), 2);
  EXPECT_THAT(recorder.heads, SizeIs(1));
}

TEST(Resume, ResumesAResponseThatBeganAgainAndBrokeEarlier) {
  const std::string body = counted(300'000);
  int asked = 0;
  ScriptedServer server([&](const Received& request, Reply& reply) {
    if (++asked > 2) {
      const std::size_t begin = asked_from(request);
      return reply.send(206, part_headers(begin, body.size()), body.substr(begin));
    }
    reply.head(200, {}, body.size());
    reply.raw(std::string_view(body).substr(0, asked == 1 ? 200'000 : 100'000));
    reply.close();
  });
  Client client(quick_options(server.url()));
  Recorder recorder;
  ASSERT_TRUE(client.run(blob_request(), recorder));
  EXPECT_FALSE(recorder.failure.has_value());
  EXPECT_TRUE(recorder.body == body);
  EXPECT_TRUE(recorder.repeats_agree);
  EXPECT_LE(asked_from(server.received()[2]), 100'000U) << "no hole behind what it has last told";
}

TEST(Resume, RefusesAnotherRangeOrAnotherSize) {
  const std::string body = counted(1000);
  const std::vector<std::string> lies[] = {part_headers(0, 1000),
                                           part_headers(501, 1000),
                                           part_headers(500, 1001),
                                           {},
                                           {"Content-Range: bytes */1000"}};
  for (const auto& headers : lies) {
    ScriptedServer server([&](const Received& request, Reply& reply) {
      if (request.header("range").empty()) {
        reply.head(200, {}, body.size());
        reply.raw(std::string_view(body).substr(0, 500));
        reply.close();
      } else {
        reply.send(206, headers, body.substr(500));
      }
    });
    Client client(quick_options(server.url()));
    Recorder recorder;
    ASSERT_TRUE(client.run(blob_request(), recorder));
    ASSERT_TRUE(recorder.failure.has_value());
    EXPECT_EQ(recorder.failure->kind, FailureKind::bad_upstream) << recorder.failure->message;
    EXPECT_EQ(recorder.body, body.substr(0, 500));
    EXPECT_EQ(server.count(""), 2);
  }
}

TEST(Resume, RefusesARangeNobodyAskedFor) {
  ScriptedServer server([](const Received&, Reply& reply) {
    reply.send(206, {"Content-Range: bytes 0-3/10"}, "0123");
  });
  Client client(quick_options(server.url()));
  Recorder recorder;
  ASSERT_TRUE(client.run(blob_request(), recorder));
  ASSERT_TRUE(recorder.failure.has_value());
  EXPECT_EQ(recorder.failure->kind, FailureKind::bad_upstream);
  EXPECT_THAT(recorder.heads, SizeIs(0));
}

TEST(Resume, AsksForTheRestOfAShortPart) {
  const std::string body = counted(1000);
  ScriptedServer server([&](const Received& request, Reply& reply) {
    const std::size_t begin = asked_from(request);
    if (begin == 0) {
      reply.head(200, {}, body.size());
      reply.raw(std::string_view(body).substr(0, 300));
      reply.close();
      return;
    }
    const std::size_t end = std::min<std::size_t>(begin + 400, body.size());
    reply.send(
        206,
        {"Content-Range: bytes " + std::to_string(begin) + "-" + std::to_string(end - 1) + "/1000"},
        body.substr(begin, end - begin));
  });
  Client client(quick_options(server.url()));
  Recorder recorder;
  ASSERT_TRUE(client.run(blob_request(), recorder));
  EXPECT_FALSE(recorder.failure.has_value());
  EXPECT_TRUE(recorder.body == body);
}

TEST(Resume, GivesUpWithoutProgress) {
  const std::string body = counted(1'000'000);
  // The header's own bytes aside, every answer brings 100 bytes.
  ScriptedServer server(cutting(body, 100, &Reply::close));
  Client client(quick_options(server.url()));
  Recorder recorder;
  ASSERT_TRUE(client.run(blob_request(), recorder));
  ASSERT_TRUE(recorder.failure.has_value());
  EXPECT_EQ(recorder.failure->kind, FailureKind::unavailable);
  EXPECT_EQ(server.count(""), 6) << "1 and 5 resumes";
  EXPECT_EQ(recorder.body, body.substr(0, 600));
}

TEST(Resume, GoesOnAsLongAsThereIsProgress) {
  const std::string body = counted(1'000);
  ScriptedServer server(cutting(body, 100, &Reply::close));
  Options options = quick_options(server.url());
  options.limits.resume_progress = 100;
  Client client(options);
  Recorder recorder;
  ASSERT_TRUE(client.run(blob_request(), recorder));
  EXPECT_FALSE(recorder.failure.has_value());
  EXPECT_EQ(recorder.body, body);
  EXPECT_EQ(server.count(""), 10);
}

TEST(Resume, EndsAtADefinitiveAnswer) {
  const std::string body = counted(1000);
  ScriptedServer server([&](const Received& request, Reply& reply) {
    if (!request.header("range").empty()) {
      reply.send(404, {}, "");
      return;
    }
    reply.head(200, {}, body.size());
    reply.raw(std::string_view(body).substr(0, 300));
    reply.close();
  });
  Client client(quick_options(server.url()));
  Recorder recorder;
  ASSERT_TRUE(client.run(blob_request(), recorder));
  EXPECT_EQ(recorder.failure->kind, FailureKind::not_found);
  EXPECT_EQ(server.count(""), 2);
}

TEST(Resume, NoticesAStall) {
  const std::string body = counted(1000);
  ScriptedServer server([&](const Received& request, Reply& reply) {
    const std::size_t begin = asked_from(request);
    const auto headers = begin > 0 ? part_headers(begin, body.size()) : std::vector<std::string>();
    reply.head(begin > 0 ? 206 : 200, headers, body.size() - begin);
    if (begin > 0) {
      reply.raw(std::string_view(body).substr(begin));
    } else {
      reply.raw(std::string_view(body).substr(0, 400));
      reply.wait_for_peer();
    }
  });
  Options options = quick_options(server.url());
  options.timeouts.stall = std::chrono::milliseconds(500);  // longer than a busy machine stops us
  Client client(options);
  Recorder recorder;
  Recorded recorded;
  ASSERT_TRUE(client.run(recorded.request, recorder));
  EXPECT_FALSE(recorder.failure.has_value());
  EXPECT_EQ(recorder.body, body);
  EXPECT_EQ(recorded.work().stalls, 1U);
  EXPECT_GE(recorded.work().stalled, options.timeouts.stall);
  EXPECT_EQ(recorded.work().resumes, 1U);
  EXPECT_EQ(server.received().at(1).header("range"), "bytes=400-");
  EXPECT_THAT(client.metrics_text(), HasSubstr("reason=\"stall\"} 1"));
}

TEST(Resume, ManifestsAreFetchedAgainWhole) {
  const std::string body = counted(2000);
  int asked = 0;
  ScriptedServer server([&](const Received& request, Reply& reply) {
    EXPECT_EQ(request.header("range"), "");
    reply.head(200, {}, body.size());
    const bool first = ++asked == 1;
    reply.raw(std::string_view(body).substr(0, first ? 700 : body.size()));
    if (first) reply.close();
  });
  Client client(quick_options(server.url()));
  Recorder recorder;
  ASSERT_TRUE(client.run(manifest_request(), recorder));
  EXPECT_FALSE(recorder.failure.has_value());
  EXPECT_EQ(recorder.body, body);
  EXPECT_TRUE(recorder.repeats_agree);
}

}  // namespace
}  // namespace entrepot::upstream
