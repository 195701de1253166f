// SPDX-License-Identifier: Apache-2.0
#include "proxy/loop/store_pool.h"

#include <utility>

#include "metrics/check.h"
#include "proxy/loop/thread.h"

namespace entrepot::loop {

StorePool::StorePool(const std::string& name, std::size_t threads) {
  check(threads > 0, "a store pool without threads");
  for (std::size_t i = 0; i < threads; ++i)
    threads_.push_back(start_thread(name + "-" + std::to_string(i), [this] { run(); }));
}

StorePool::~StorePool() {
  stop();
  join();
}

void StorePool::post(Job job) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    jobs_.push_back(std::move(job));
    queued_.store(jobs_.size(), std::memory_order_relaxed);
  }
  ready_.notify_one();
}

void StorePool::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  ready_.notify_all();
}

void StorePool::join() {
  for (std::thread& thread : threads_)
    if (thread.joinable()) thread.join();
}

void StorePool::run() {
  for (;;) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      ready_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
      queued_.store(jobs_.size(), std::memory_order_relaxed);
    }
    job();
  }
}

}  // namespace entrepot::loop
