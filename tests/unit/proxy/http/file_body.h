// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <string_view>
#include <utility>

#include "proxy/http/body.h"
#include "proxy/loop/loop.h"

namespace entrepot::http {

/// A file in memory to which a test appends, with bodies that read it. Outlives its bodies.
class GrowingFile {
 public:
  GrowingFile() : fd_(memfd_create("body", MFD_CLOEXEC)) { EXPECT_GE(fd_, 0); }
  ~GrowingFile() { close(fd_); }
  GrowingFile(const GrowingFile&) = delete;
  GrowingFile& operator=(const GrowingFile&) = delete;

  // Loop thread only.
  void append(std::string_view bytes) {
    EXPECT_EQ(pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(available_)),
              static_cast<ssize_t>(bytes.size()));
    available_ += bytes.size();
    wake();
  }
  void set_state(Body::State state) {
    state_ = state;
    wake();
  }
  /// Another program cuts the file, whose bytes stay available.
  void truncate() { EXPECT_EQ(ftruncate(fd_, 0), 0); }
  int waits() const { return waits_; }

  int bodies() const { return bodies_; }  ///< alive; any thread

  class View : public Body {
   public:
    explicit View(GrowingFile& file) : file_(file) { ++file_.bodies_; }
    ~View() override {
      file_.wake_ = nullptr;
      --file_.bodies_;
    }
    int fd() const override { return file_.fd_; }
    std::uint64_t available(std::uint64_t offset) const override {
      return std::max(offset, file_.available_);
    }
    State state() const override { return file_.state_; }
    void wait(std::uint64_t offset, std::function<void()> wake) override {
      EXPECT_GE(offset, file_.available_) << "waits for bytes that are available";
      EXPECT_EQ(file_.state_, State::growing);
      EXPECT_FALSE(file_.wake_) << "waits twice";
      file_.wake_ = std::move(wake);
      ++file_.waits_;
    }

   private:
    GrowingFile& file_;
  };

 private:
  void wake() {
    if (const auto wake = std::exchange(wake_, nullptr)) wake();
  }

  const int fd_;
  std::uint64_t available_ = 0;
  Body::State state_ = Body::State::growing;
  std::function<void()> wake_;
  int waits_ = 0;
  std::atomic<int> bodies_{0};
};

}  // namespace entrepot::http
