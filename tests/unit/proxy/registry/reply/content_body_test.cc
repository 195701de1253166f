// SPDX-License-Identifier: Apache-2.0
#include "proxy/registry/reply/content_body.h"

#include <gtest/gtest.h>

#include "tests/unit/proxy/registry/site.h"

namespace entrepot::registry {
namespace {

TEST(ContentBody, WholeFile) {
  fakes::HandExecutor executor;
  ContentBody body(file_content("abc"), executor);
  EXPECT_EQ(body.available(0), 3u);
  EXPECT_EQ(body.state(), http::Body::State::whole);
  EXPECT_GE(body.fd(), 0);
  int woken = 0;
  body.wait(0, [&] { ++woken; });
  EXPECT_EQ(woken, 0) << "from the queue, not from inside the call";
  executor.run();
  EXPECT_EQ(woken, 1);
}

TEST(ContentBody, FollowsTheProgress) {
  fakes::HandExecutor executor;
  const auto progress = std::make_shared<cache::Progress>(3);
  ContentBody body(file_content("abc", progress), executor);
  EXPECT_EQ(body.available(0), 0u);
  EXPECT_EQ(body.state(), http::Body::State::growing);
  int woken = 0;
  body.wait(0, [&] { ++woken; });
  executor.run();
  EXPECT_EQ(woken, 0) << "nothing was released";
  progress->release(2);
  executor.run();
  EXPECT_EQ(woken, 1);
  EXPECT_EQ(body.available(0), 2u);
  progress->finish(cache::Progress::State::whole);
  EXPECT_EQ(body.available(0), 3u);
  EXPECT_EQ(body.state(), http::Body::State::whole);
  executor.run();
  EXPECT_EQ(woken, 1) << "one wait, one wake";
}

TEST(ContentBody, Failure) {
  fakes::HandExecutor executor;
  const auto progress = std::make_shared<cache::Progress>(3);
  ContentBody body(file_content("abc", progress), executor);
  int woken = 0;
  body.wait(0, [&] { ++woken; });
  progress->finish(cache::Progress::State::failed);
  executor.run();
  EXPECT_EQ(woken, 1);
  EXPECT_EQ(body.state(), http::Body::State::failed);
}

TEST(ContentBody, PieceReadersGetAvailableBytesAfterAFailure) {
  fakes::HandExecutor executor;
  const auto progress = std::make_shared<cache::Progress>(3);
  auto content = *file_content("abc", progress);
  content.reach = cache::Progress::ReadPolicy::pieces;
  const ContentBody body(std::make_shared<const cache::Content>(content), executor);
  progress->release(cache::Span{1, 3});
  progress->finish(cache::Progress::State::failed);
  EXPECT_EQ(body.state(), http::Body::State::whole);
  EXPECT_EQ(body.available(1), 3U);
  EXPECT_EQ(body.available(0), 0U);
}

TEST(ContentBody, WakeExpiresWithTheBody) {
  fakes::HandExecutor executor;
  const auto progress = std::make_shared<cache::Progress>(3);
  auto body = std::make_unique<ContentBody>(file_content("abc", progress), executor);
  int woken = 0;
  body->wait(0, [&] { ++woken; });
  progress->release(1);
  EXPECT_EQ(executor.waiting(), 1u);
  body.reset();
  executor.run();
  EXPECT_EQ(woken, 0);
}

TEST(ContentBody, WakeMayDestroyTheBody) {
  fakes::HandExecutor executor;
  const auto progress = std::make_shared<cache::Progress>(3);
  auto body = std::make_unique<ContentBody>(file_content("abc", progress), executor);
  const auto token = std::make_shared<int>(7);
  int seen = 0;
  body->wait(0, [&, token] {
    body.reset();
    seen = *token;  // captures of the job outlive the body
  });
  progress->release(1);
  executor.run();
  EXPECT_EQ(seen, 7);
}

}  // namespace
}  // namespace entrepot::registry
