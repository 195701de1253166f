// SPDX-License-Identifier: Apache-2.0
#include "proxy/loop/published.h"

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>

namespace entrepot::loop {
namespace {

TEST(Published, AReplacedValueLivesUntilEachLoopHasEndedItsTurn) {
  Loop one("one"), other("other");
  one.start();
  other.start();
  auto first = std::make_shared<const std::string>("first");
  const std::weak_ptr<const std::string> watched = first;
  Published<std::string> published(std::move(first), {&one, &other});

  std::promise<void> reading, go_on;
  std::string seen;
  one.post([&] {
    const std::string& value = published.get();
    reading.set_value();
    go_on.get_future().wait();
    seen = value + "; then " + published.get();
  });
  reading.get_future().wait();
  published.replace(std::make_shared<const std::string>("second"));
  std::promise<void> passed;
  other.post([&] { passed.set_value(); });
  passed.get_future().wait();
  EXPECT_FALSE(watched.expired()) << "a loop still reads it";

  go_on.set_value();
  std::promise<void> ended;
  one.post([&] { ended.set_value(); });
  ended.get_future().wait();
  EXPECT_TRUE(watched.expired());
  EXPECT_EQ(seen, "first; then second");
  for (Loop* loop : {&one, &other}) {
    loop->stop();
    loop->join();
  }
}

}  // namespace
}  // namespace entrepot::loop
