// SPDX-License-Identifier: Apache-2.0
// The cache's view of threads, over the loops and the pool that the process has.
#pragma once

#include <memory>
#include <utility>

#include "cache/executor.h"
#include "proxy/loop/loop.h"
#include "proxy/loop/store_pool.h"

namespace entrepot::app {

/// A loop as the cache sees it. Any thread, as cache/executor.h says; the loop outlives it.
class LoopExecutor final : public cache::Executor {
 public:
  explicit LoopExecutor(loop::Loop& loop) : loop_(loop) {}

  void post(cache::Job job) override { loop_.post(std::move(job)); }
  std::unique_ptr<cache::Timer> after(std::chrono::milliseconds delay, cache::Job job) override {
    return std::make_unique<LoopTimer>(loop_.after(delay, std::move(job)));
  }

 private:
  class LoopTimer final : public cache::Timer {
   public:
    explicit LoopTimer(std::unique_ptr<loop::Loop::Timer> timer) : timer_(std::move(timer)) {}

   private:
    std::unique_ptr<loop::Loop::Timer> timer_;
  };

  loop::Loop& loop_;
};

/// The store pool as the cache sees it; it outlives this.
class PoolPoster final : public cache::Poster {
 public:
  explicit PoolPoster(loop::StorePool& pool) : pool_(pool) {}

  void post(cache::Job job) override { pool_.post(std::move(job)); }

 private:
  loop::StorePool& pool_;
};

}  // namespace entrepot::app
