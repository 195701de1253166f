// SPDX-License-Identifier: Apache-2.0
#include "proxy/loop/store_pool.h"

#include <utility>

#include "metrics/check.h"
#include "metrics/exception.h"
#include "metrics/mutex.h"
#include "proxy/loop/thread.h"

namespace entrepot::loop {
namespace {

/// The pool of the current thread.
thread_local const StorePool* own_pool = nullptr;

}  // namespace

StorePool::StorePool(const std::string& name, std::size_t threads, metrics::Counter failures)
    : failures_(failures) {
  check(threads > 0, "a store pool without threads");
  try {
    for (std::size_t i = 0; i < threads; ++i)
      threads_.push_back(start_thread(name + "-" + std::to_string(i), [this] { run(); }));
  } catch (...) {  // the threads already started wait for jobs that never come
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
    const MutexLock lock(mutex_);
    if (stopping_ && own_pool != this) return;
    jobs_.push_back(std::move(job));
    queued_.store(jobs_.size(), std::memory_order_relaxed);
  }
  ready_.notify_one();
}

void StorePool::stop() {
  {
    const MutexLock lock(mutex_);
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
  for (Job job; take_next(job);) {
    run_job(job);
    job = nullptr;  // its captures may take locks when they are destroyed
    const MutexLock lock(mutex_);
    --running_;
    // A running job may post another step, which needs one remaining thread.
    if (stopping_ && running_ == 0 && jobs_.empty()) ready_.notify_all();
  }
}

/// Waits for a job. Returns false once the pool has stopped and nothing is queued or running.
bool StorePool::take_next(Job& job) {
  const MutexLock lock(mutex_);
  while (jobs_.empty() && (!stopping_ || running_ > 0)) ready_.wait(mutex_);
  if (jobs_.empty()) return false;
  job = std::move(jobs_.front());
  jobs_.pop_front();
  queued_.store(jobs_.size(), std::memory_order_relaxed);
  ++running_;
  return true;
}

void StorePool::run_job(const Job& job) const {
  try {
    job();
  } catch (...) {
    count_failed_job(job_name(job), failures_);
  }
}

}  // namespace entrepot::loop
