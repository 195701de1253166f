// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/body_pump.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "proxy/loop/loop.h"

namespace entrepot::http {
namespace {

/// Takes at most `room` bytes of a part of a file, and keeps the rest until it is withdrawn.
class NarrowOutput final : public Output {
 public:
  NarrowOutput() : Output(-1) {}

  bool write(std::string_view, std::string_view, bool) override { return true; }
  bool write(std::string_view, std::span<const SharedText>) override { return true; }
  bool send_file(int, std::uint64_t offset, std::size_t length) override {
    parts.emplace_back(offset, length);
    const std::size_t taken = std::min(length, room);
    room -= taken;
    rest_ = length - taken;
    written_ += length;
    return true;
  }
  std::size_t withdraw() override {
    written_ -= rest_;
    return std::exchange(rest_, 0);
  }
  std::size_t largest_part() const override { return 1000; }
  void end() override {}
  std::size_t queued() const override { return rest_; }

  std::size_t room = 0;
  std::vector<std::pair<std::uint64_t, std::size_t>> parts;  // offset and length

 private:
  std::size_t rest_ = 0;
};

/// A file that grows to `size` when the test says so.
class GrowingBody final : public Body {
 public:
  explicit GrowingBody(const std::uint64_t& size) : size_(size) {}
  int fd() const override { return -1; }
  std::uint64_t available(std::uint64_t) const override { return size_; }
  State state() const override { return State::growing; }
  void wait(std::uint64_t, std::function<void()>) override {}

 private:
  const std::uint64_t& size_;
};

using Parts = std::vector<std::pair<std::uint64_t, std::size_t>>;

TEST(BodyPumpTest, SendsTheRestOfAWindowBeforeBytesThatCameMeanwhile) {
  loop::Loop loop("test");
  NarrowOutput output;
  std::uint64_t size = 400;
  BodyPump pump(std::make_unique<GrowingBody>(size), {{{0, 5000}}}, output, {loop}, [] {});
  output.room = 100;
  EXPECT_EQ(pump.run(), BodyPump::Result::blocked);
  EXPECT_EQ(pump.waits_for(), BodyWait::client);
  size = 900;
  output.room = 50;
  EXPECT_EQ(pump.run(), BodyPump::Result::blocked);
  output.room = 10'000;
  EXPECT_EQ(pump.run(), BodyPump::Result::waiting);
  EXPECT_EQ(pump.waits_for(), BodyWait::upstream);
  EXPECT_EQ(output.parts, (Parts{{0, 400}, {100, 300}, {150, 250}, {400, 500}}));
  EXPECT_EQ(output.sent(), 900U);
}

TEST(BodyPumpTest, SendsWindowsOfTheLargestPartWhileTheOutputTakesThem) {
  loop::Loop loop("test");
  NarrowOutput output;
  std::uint64_t size = 2500;
  BodyPump pump(std::make_unique<GrowingBody>(size), {{{0, 2500}}}, output, {loop}, [] {});
  output.room = 10'000;
  EXPECT_EQ(pump.run(), BodyPump::Result::done);
  EXPECT_EQ(output.parts, (Parts{{0, 1000}, {1000, 1000}, {2000, 500}}));
}

}  // namespace
}  // namespace entrepot::http
