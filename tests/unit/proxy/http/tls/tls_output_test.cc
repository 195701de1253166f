// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/tls/tls_output.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

namespace entrepot::http::tls {
namespace {

using testing::ElementsAre;

constexpr std::size_t record = RecordWriter::largest_record;

/// Records what is sent. Takes `room` bytes and is blocked then; a blocked record has to come
/// again, as OpenSSL demands.
class FakeWriter final : public RecordWriter {
 public:
  std::ptrdiff_t write(std::string_view bytes) override {
    EXPECT_LE(bytes.size(), largest_record);
    EXPECT_FALSE(bytes.empty());
    EXPECT_EQ(bytes.substr(0, pending_.size()), pending_);
    EXPECT_TRUE(!kernel || pending_.empty() || bytes.data() == pending_at_);
    if (is_broken) return broken;
    if (room < bytes.size()) {
      pending_ = bytes;
      pending_at_ = bytes.data();
      return blocked;
    }
    pending_.clear();
    room -= bytes.size();
    records.push_back(bytes.size());
    sent += bytes;
    return static_cast<std::ptrdiff_t>(bytes.size());
  }
  bool kernel_sends() const override { return kernel; }
  std::ptrdiff_t send_file(int fd, std::uint64_t offset, std::size_t length) override {
    EXPECT_TRUE(kernel);
    const std::size_t n = std::min({length, room, from_kernel_at_once});
    if (n == 0) return blocked;
    std::string bytes(n, '\0');
    const ssize_t got = ::pread(fd, bytes.data(), n, static_cast<off_t>(offset));
    if (got <= 0) return file_failed;
    bytes.resize(static_cast<std::size_t>(got));
    room -= bytes.size();
    by_kernel += bytes.size();
    sent += bytes;
    return got;
  }
  void end() override { sent += "|end"; }

  bool kernel = false, is_broken = false;
  std::size_t room = SIZE_MAX;
  std::size_t from_kernel_at_once = SIZE_MAX;
  std::vector<std::size_t> records;
  std::size_t by_kernel = 0;
  std::string sent;

 private:
  std::string pending_;
  const char* pending_at_ = nullptr;
};

struct TlsOutputTest : testing::Test {
  TlsOutputTest() { output.open(); }

  int file_with(const std::string& content) {
    std::fwrite(content.data(), 1, content.size(), file.get());
    std::fflush(file.get());
    return ::fileno(file.get());
  }
  static std::string text(std::size_t size) {
    std::string bytes(size, '\0');
    for (std::size_t i = 0; i < size; ++i)
      bytes[i] = static_cast<char>('a' + i * 7 % 26 + i / record);
    return bytes;
  }

  FakeWriter writer;
  int calls_again = 0;
  TlsOutput output{writer, -1, [this] { ++calls_again; }};
  const std::unique_ptr<FILE, int (*)(FILE*)> file{std::tmpfile(), &std::fclose};
};

TEST_F(TlsOutputTest, SendsASmallReplyAsOneRecord) {
  EXPECT_TRUE(output.write("head", "body", false));
  const auto owner = std::make_shared<const std::string>("text");
  const std::array<SharedText, 2> texts{{{owner, *owner}, {owner, *owner}}};
  EXPECT_TRUE(output.write("head", texts));
  const int fd = file_with("file");
  EXPECT_TRUE(output.write("head", {}, true));
  EXPECT_TRUE(output.empty());
  EXPECT_TRUE(output.send_file(fd, 1, 3));
  EXPECT_EQ(writer.sent, "headbodyheadtexttextheadile");
  EXPECT_THAT(writer.records, ElementsAre(8, 12, 7));
  EXPECT_TRUE(output.empty());
  EXPECT_EQ(calls_again, 0);
  EXPECT_EQ(output.sent(), writer.sent.size());
}

TEST_F(TlsOutputTest, SendsAHeldHeadBeforeAPause) {
  EXPECT_TRUE(output.write("head", {}, true));
  EXPECT_EQ(writer.sent, "");
  output.push();
  EXPECT_EQ(writer.sent, "head");
  EXPECT_TRUE(output.write("more", {}, true));
  output.end();
  EXPECT_EQ(writer.sent, "headmore|end");
}

TEST_F(TlsOutputTest, QueuesUntilTheHandshakeIsDone) {
  TlsOutput early(writer, -1, [this] { ++calls_again; });
  EXPECT_TRUE(early.write("refused", {}, false));
  EXPECT_EQ(writer.sent, "");
  EXPECT_EQ(early.queued(), 7U);
  EXPECT_TRUE(early.open());
  EXPECT_EQ(writer.sent, "refused");
  EXPECT_TRUE(early.empty());
}

TEST_F(TlsOutputTest, FillsRecordsFromAFile) {
  const std::string content = text(200'000);
  const int fd = file_with(content);
  EXPECT_TRUE(output.write("head", {}, true));
  EXPECT_TRUE(output.send_file(fd, 0, content.size()));
  EXPECT_EQ(writer.sent, "head" + content);
  EXPECT_EQ(writer.records.front(), record);
  EXPECT_LE(writer.records.size(), content.size() / record + 1);
}

TEST_F(TlsOutputTest, GoesOnWhereItWasBlocked) {
  const std::string content = text(256 * 1024);
  const int fd = file_with(content);
  const auto owner = std::make_shared<const std::string>(text(100'000));
  const SharedText shared{owner, *owner};
  for (const std::size_t room : {std::size_t{1}, record - 1, record, 3 * record + 5}) {
    writer.sent.clear();
    calls_again = 0;
    writer.room = 0;
    EXPECT_TRUE(output.write("head", std::span(&shared, 1)));
    EXPECT_EQ(calls_again, 1);
    EXPECT_EQ(output.queued(), 4 + owner->size());
    while (!output.empty()) {
      writer.room += room;
      ASSERT_TRUE(output.flush());
    }
    writer.room = 0;
    EXPECT_TRUE(output.write("more", {}, true));
    EXPECT_TRUE(output.send_file(fd, 0, content.size()));
    while (!output.empty()) {
      writer.room += room;
      ASSERT_TRUE(output.flush());
    }
    EXPECT_EQ(writer.sent, "head" + *owner + "more" + content);
    EXPECT_EQ(static_cast<std::size_t>(calls_again) > 2, true);
    EXPECT_EQ(output.sent() % (writer.sent.size()), 0U);
  }
}

TEST_F(TlsOutputTest, LeavesTheTurnToOthers) {
  const auto owner = std::make_shared<const std::string>(text(3 << 20));
  const SharedText shared{owner, *owner};
  EXPECT_TRUE(output.write("", std::span(&shared, 1)));
  EXPECT_EQ(writer.sent.size(), std::size_t{1} << 20);
  EXPECT_EQ(calls_again, 1);
  EXPECT_TRUE(output.flush());
  EXPECT_TRUE(output.flush());
  EXPECT_TRUE(output.empty());
  EXPECT_EQ(writer.sent, *owner);
}

TEST_F(TlsOutputTest, SendsAFileByTheKernelIfItEncrypts) {
  writer.kernel = true;
  writer.from_kernel_at_once = 30'000;
  const std::string content = text(100'000);
  const int fd = file_with(content);
  EXPECT_TRUE(output.write("head", {}, true));
  EXPECT_TRUE(output.send_file(fd, 10, 99'990));
  EXPECT_EQ(writer.sent, "head" + content.substr(10));
  EXPECT_THAT(writer.records, ElementsAre(4));
  EXPECT_EQ(writer.by_kernel, 99'990U);
  writer.room = 0;
  EXPECT_TRUE(output.send_file(fd, 0, 100));
  EXPECT_EQ(calls_again, 1);
  EXPECT_EQ(output.queued(), 100U);
  writer.room = 1000;
  EXPECT_TRUE(output.flush());
  EXPECT_TRUE(output.empty());
}

TEST_F(TlsOutputTest, RepeatsARecordForTheKernelFromTheSameAddress) {
  writer.kernel = true;
  const auto owner = std::make_shared<const std::string>(text(100'000));
  const SharedText shared{owner, *owner};
  writer.room = 0;
  EXPECT_TRUE(output.write("head", std::span(&shared, 1)));
  FakeWriter
      other_writer;  // another connection of this thread, which uses the buffer of the thread
  TlsOutput other(other_writer, -1, [] {});
  other.open();
  while (!output.empty()) {
    EXPECT_TRUE(other.write("other", {}, false));
    writer.room += record;
    ASSERT_TRUE(output.flush());
  }
  EXPECT_EQ(writer.sent, "head" + *owner);
}

TEST_F(TlsOutputTest, AFileThatIsTooShortFails) {
  const int fd = file_with(text(70'000));
  for (const bool kernel : {false, true}) {
    writer.kernel = kernel;
    writer.sent.clear();
    EXPECT_FALSE(output.send_file(fd, 0, 100'000));
    EXPECT_TRUE(output.file_failed());
    EXPECT_EQ(writer.sent, text(70'000));
    EXPECT_TRUE(output.empty());
  }
}

TEST_F(TlsOutputTest, ABrokenConnectionIsNoFailureOfTheFile) {
  const int fd = file_with("file");
  writer.is_broken = true;
  EXPECT_FALSE(output.send_file(fd, 0, 4));
  EXPECT_FALSE(output.file_failed());
}

}  // namespace
}  // namespace entrepot::http::tls
