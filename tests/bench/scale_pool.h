// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "cache/api/source.h"
#include "cache/base/executor.h"

namespace entrepot::cache {

/// A store pool of real threads, without a loop library. Its threads end with the process.
class ScalePool final : public JobQueue {
 public:
  explicit ScalePool(int threads) {
    for (int i = 0; i < threads; ++i) std::thread([this] { run(); }).detach();
  }
  void post(Job job) override {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
    ready_.notify_one();
  }

 private:
  void run() {
    for (;;) {
      std::unique_lock lock(mutex_);
      ready_.wait(lock, [this] { return !jobs_.empty(); });
      const Job job = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      job();
    }
  }

  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<Job> jobs_;
};

/// A home without any activity.
class ScaleLoop final : public Executor {
 public:
  void post(Job) override {}
  std::unique_ptr<Timer> after(std::chrono::milliseconds, Job) override {
    return std::make_unique<Timer>();
  }
  void assert_in_thread() const override {}
};

/// An upstream that gets no request.
class NoSource final : public Source {
 public:
  std::unique_ptr<Fetch> fetch(FetchRequest, FetchSink&) override { return nullptr; }
  std::unique_ptr<Fetch> list_tags(std::string, std::string, Behalf, ListingSink&) override {
    return nullptr;
  }
  std::unique_ptr<Fetch> list_referrers(std::string, std::string, const Digest&, Behalf,
                                        ListingSink&) override {
    return nullptr;
  }
  void report_mismatch(const std::string&, const std::string&, const Digest&) override {}
  bool low_on_quota(const std::string&) const override { return false; }
  bool crowded(const std::string&) const override { return false; }
};

}  // namespace entrepot::cache
