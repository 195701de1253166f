// SPDX-License-Identifier: Apache-2.0
#include "proxy/loop/store_pool.h"

#include <utility>

#include "metrics/check.h"
#include "metrics/exception.h"
#include "proxy/loop/thread.h"

namespace entrepot::loop {
namespace {

/// The pool whose thread this is.
thread_local const StorePool* own_pool = nullptr;

}  // namespace

StorePool::StorePool(const std::string& name, std::size_t threads, metrics::Counter failures)
    : failures_(failures) {
  check(threads > 0, "a store pool without threads");
  try {
    for (std::size_t i = 0; i < threads; ++i)
      threads_.push_back(start_thread(name + "-" + std::to_string(i), [this] { run(); }));
  } catch (...) {  // those that were to be had wait for jobs of a pool that will never be
    stop();
    join();
    throw;
  }
}

StorePool::~StorePool() {
  stop();
  join();
}

void StorePool::post(Job job) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ && own_pool != this) return;
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
  own_pool = this;
  std::unique_lock lock(mutex_);
  for (;;) {
    ready_.wait(lock, [this] { return !jobs_.empty() || (stopping_ && running_ == 0); });
    if (jobs_.empty()) break;
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    queued_.store(jobs_.size(), std::memory_order_relaxed);
    ++running_;
    lock.unlock();
    run_job(job);
    job = nullptr;  // what it held may take locks when it goes
    lock.lock();
    --running_;
    // While one runs it may post another step, for which somebody must have stayed.
    if (stopping_ && running_ == 0 && jobs_.empty()) ready_.notify_all();
  }
}

void StorePool::run_job(const Job& job) const {
  try {
    job();
  } catch (...) {
    count_failed_job(job_name(job), failures_);
  }
}

}  // namespace entrepot::loop
