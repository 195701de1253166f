// SPDX-License-Identifier: Apache-2.0
#include "proxy/loop/file_watch.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <mutex>
#include <string>

namespace entrepot::loop {
namespace {

namespace fs = std::filesystem;

class FileWatchTest : public testing::Test {
 protected:
  FileWatchTest() {
    fs::create_directories(folder_ / "first");
    write(folder_ / "first" / "tls.crt");
    loop_.start();
    run([this] {
      watch_ = std::make_unique<FileWatch>(loop_, [this] {
        const std::lock_guard lock(mutex_);
        ++reports_;
        reported_.notify_all();
      });
      watch_->watch({folder_ / "tls.crt", folder_ / "tls.key"});
    });
  }
  ~FileWatchTest() override {
    run([this] { watch_.reset(); });
    loop_.stop();
    loop_.join();
    fs::remove_all(folder_);
  }

  static fs::path new_folder() {
    std::string name = (fs::temp_directory_path() / "entrepot-watch-XXXXXX").string();
    return ::mkdtemp(name.data());
  }
  static void write(const fs::path& file) { std::ofstream(file) << "text"; }

  template <typename Job>
  void run(Job job) {
    std::promise<void> done;
    loop_.post([&] {
      job();
      done.set_value();
    });
    done.get_future().wait();
  }
  void wait_reports(int n) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(reported_.wait_for(lock, std::chrono::seconds(20), [&] { return reports_ >= n; }));
    EXPECT_EQ(reports_, n);
  }

  const fs::path folder_ = new_folder();
  Loop loop_{"file-watch"};
  std::unique_ptr<FileWatch> watch_;
  std::mutex mutex_;
  std::condition_variable reported_;
  int reports_ = 0;  // guarded by mutex_
};

TEST_F(FileWatchTest, ReportsFilesThatAreWrittenTogetherOnce) {
  // On the loop: however long the second one takes, the loop has seen neither.
  run([this] {
    write(folder_ / "tls.crt");
    write(folder_ / "tls.key");
  });
  wait_reports(1);
}

TEST_F(FileWatchTest, ReportsAFileThatIsPutInPlace) {
  write(folder_ / "new");
  fs::rename(folder_ / "new", folder_ / "tls.key");
  wait_reports(1);
}

TEST_F(FileWatchTest, ReportsALinkOfAVolume) {
  fs::create_directory_symlink(folder_ / "first", folder_ / "..data_tmp");
  fs::rename(folder_ / "..data_tmp", folder_ / "..data");
  wait_reports(1);
}

TEST_F(FileWatchTest, TellsOfANewFolder) {
  run([this] {
    EXPECT_FALSE(watch_->watch({folder_ / "tls.crt"}));
    EXPECT_TRUE(watch_->watch({folder_ / "tls.crt", folder_ / "first" / "tls.crt"}));
    EXPECT_FALSE(watch_->watch({folder_ / "first" / "tls.key"}));
    EXPECT_TRUE(watch_->watch({folder_ / "tls.crt"})) << "it was not watched meanwhile";
  });
}

TEST_F(FileWatchTest, ReportsNoOtherFileAndNoEarlierOne) {
  write(folder_ / "other");
  run([this] { watch_->watch({folder_ / "first" / "tls.crt"}); });
  write(folder_ / "tls.crt");
  write(folder_ / "first" / "tls.crt");
  wait_reports(1);
}

}  // namespace
}  // namespace entrepot::loop
