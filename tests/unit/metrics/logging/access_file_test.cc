// SPDX-License-Identifier: Apache-2.0
#include "metrics/logging/access_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace entrepot::log {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::chrono::milliseconds patience = 30s;  // against hanging

class AccessFileTest : public testing::Test {
 protected:
  AccessFileTest() {
    std::signal(SIGPIPE, SIG_IGN);
    std::string name = (std::filesystem::temp_directory_path() / "access-XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  ~AccessFileTest() override { std::filesystem::remove_all(folder_); }

  std::string path(const char* name = "access.log") const { return folder_ / name; }
  std::unique_ptr<AccessFile> open(const std::string& file) {
    return std::make_unique<AccessFile>(
        file, AccessFile::Tell{[this](const std::string& line) { note(successes_, line); },
                               [this](const std::string& line) { note(complaints_, line); }});
  }
  void note(std::vector<std::string>& sentences, const std::string& sentence) {
    sentences.push_back(sentence);
    ++told_;
  }
  /// Makes a FIFO at path(). Returns its reading end, which waits for nothing.
  int fifo() const {
    EXPECT_EQ(::mkfifo(path().c_str(), 0600), 0);
    const int reader = ::open(path().c_str(), O_RDONLY | O_NONBLOCK);
    EXPECT_GE(reader, 0);
    return reader;
  }
  static std::vector<std::string> lines_of(const std::string& file) {
    std::ifstream in(file);
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  }
  static void wait_until(const std::function<bool()>& holds) {
    while (!holds()) ::sched_yield();
  }

  std::filesystem::path folder_;
  std::atomic<int> told_{0};
  std::vector<std::string> successes_, complaints_;  // of other threads until stop()
};

TEST_F(AccessFileTest, WritesLinesInTheOrderOfTheirThread) {
  const auto file = open(path());
  file->append("one\n");
  file->append("two\n");
  file->stop(patience);
  EXPECT_THAT(lines_of(path()), ElementsAre("one", "two"));
  EXPECT_EQ(file->dropped(), 0U);
}

TEST_F(AccessFileTest, WritesWithoutBeingStopped) {
  const auto file = open(path());
  file->append("one\n");
  wait_until([&] { return lines_of(path()).size() == 1; });
  file->append("two\n");
  wait_until([&] { return lines_of(path()).size() == 2; });
}

TEST_F(AccessFileTest, AppendsAndIsNotForEveryUser) {
  std::ofstream(path()) << "before\n";
  const auto present = open(path());
  present->append("one\n");
  present->stop(patience);
  EXPECT_THAT(lines_of(path()), ElementsAre("before", "one"));
  const auto made = open(path("new.log"));
  struct stat status {};
  ASSERT_EQ(::stat(path("new.log").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0007U, 0U);
}

TEST_F(AccessFileTest, LosesNoLineOfManyThreads) {
  const auto file = open(path());
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 12; ++thread)
    threads.emplace_back([&file, thread] {
      for (int i = 0; i < 2000; ++i) file->append(std::to_string(thread) + " a line\n");
    });
  for (auto& thread : threads) thread.join();
  file->stop(patience);
  const auto lines = lines_of(path());
  EXPECT_THAT(lines, SizeIs(24'000));
  for (const std::string& line : lines) EXPECT_THAT(line, HasSubstr(" a line"));
}

TEST_F(AccessFileTest, GoesOnInANewFileAfterARename) {
  const auto file = open(path());
  file->append("one\n");
  wait_until([&] { return lines_of(path()).size() == 1; });
  std::filesystem::rename(path(), path("access.log.1"));
  file->reopen();
  wait_until([&] { return told_ > 0; });
  file->append("two\n");
  file->stop(patience);
  EXPECT_THAT(lines_of(path("access.log.1")), ElementsAre("one"));
  EXPECT_THAT(lines_of(path()), ElementsAre("two"));
  EXPECT_THAT(successes_, ElementsAre("the access log " + path() + " is opened again"));
  EXPECT_THAT(complaints_, IsEmpty());
}

TEST_F(AccessFileTest, KeepsTheFileThatItHasIfThePathCannotBeOpened) {
  std::filesystem::create_directory(path("logs"));
  const auto file = open(path("logs/access.log"));
  std::filesystem::rename(path("logs"), path("moved"));
  file->reopen();
  wait_until([&] { return told_ > 0; });
  file->append("one\n");
  wait_until([&] { return lines_of(path("moved/access.log")).size() == 1; });
  file->stop(patience);
  EXPECT_THAT(successes_, IsEmpty());
  ASSERT_THAT(complaints_, SizeIs(1));
  EXPECT_THAT(complaints_[0], HasSubstr("logs/access.log cannot be opened again (No such file"));
}

TEST_F(AccessFileTest, NamesAPathThatCannotBeOpened) {
  try {
    open(path("missing/access.log"));
    FAIL() << "it is open";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("missing/access.log cannot be opened: No such file"));
  }
}

TEST_F(AccessFileTest, AFifoWithoutAReaderIsAnErrorAndNoWait) {
  ASSERT_EQ(::mkfifo(path().c_str(), 0600), 0);
  EXPECT_THROW(open(path()), std::runtime_error);
}

TEST_F(AccessFileTest, CountsWhatAFullDiskDoesNotTakeAndSaysSoOnce) {
  const auto file = open("/dev/full");
  for (int i = 0; i < 10; ++i) {
    file->append("a line\n");
    const auto expected = static_cast<std::uint64_t>(i) + 1;
    wait_until([&] { return file->dropped() == expected; });
  }
  file->stop(patience);
  ASSERT_THAT(complaints_, SizeIs(1));
  EXPECT_THAT(complaints_[0],
              HasSubstr("/dev/full does not take all lines (No space left on device); 1 "));
}

TEST_F(AccessFileTest, AReaderThatStopsHoldsUpNobody) {
  const int reader = fifo();
  const auto file = open(path());
  const std::string line(1000, 'x');
  constexpr std::uint64_t lines = 20'000;  // more than a pipe and a buffer take
  for (std::uint64_t i = 0; i < lines; ++i) file->append(line + "\n");
  EXPECT_GT(file->dropped(), 0U);
  file->stop(0ms);
  EXPECT_GT(file->dropped(), lines * 9 / 10);
  ASSERT_THAT(complaints_, SizeIs(1));
  EXPECT_THAT(complaints_[0], HasSubstr("does not take all lines (it is too slow); 1 "));
  ::close(reader);
}

TEST_F(AccessFileTest, ANewFileEndsTheWaitForTheOneBefore) {
  const int reader = fifo();
  const auto file = open(path());
  file->append(std::string(1 << 20, 'x') + "\n");  // more than a pipe takes
  std::filesystem::rename(path(), path("access.log.1"));
  file->reopen();
  wait_until([&] { return told_ > 1; });  // the loss, and the new file
  file->append("one\n");
  file->stop(patience);
  EXPECT_THAT(lines_of(path()), testing::Contains("one"));
  ::close(reader);
}

TEST_F(AccessFileTest, ALineThatWasCutEndsBeforeTheNext) {
  const int reader = fifo();
  const auto file = open(path());
  file->append(std::string(1 << 20, 'x') + "\n");  // more than a pipe takes
  std::string text(1 << 20, '\0');
  ssize_t first = 0;
  wait_until([&] { return (first = ::read(reader, text.data(), 10'000)) > 0; });
  ::close(reader);  // in the middle of the line
  wait_until([&] { return file->dropped() == 1; });
  const int again = ::open(path().c_str(), O_RDONLY | O_NONBLOCK);
  ASSERT_GE(again, 0);
  while (::read(again, text.data(), text.size()) > 0) {  // the rest of the first part
  }
  file->append("next\n");
  file->stop(patience);
  text.resize(
      static_cast<std::size_t>(std::max<ssize_t>(::read(again, text.data(), text.size()), 0)));
  ::close(again);
  EXPECT_THAT(text, testing::EndsWith("\nnext\n"));
}

}  // namespace
}  // namespace entrepot::log
