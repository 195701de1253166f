// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "conf/config.h"
#include "metrics/metrics.h"
#include "proxy/loop/loop.h"
#include "proxy/loop/store_pool.h"

namespace entrepot::app {

/// All threads of a running mirror, and the steps in which they end.
///
///   control loop   signals, draining, the admin listener
///   serve loops    client connections
///   fetch loops    upstream transfers and everything in flight
///   store pool     blocking work on the disk
///   admin pool     one thread for blocking answers of the admin API and for the endpoint memory;
///                  its jobs may wait for the fetch loops and the store pool
///   login pool     one thread for the hashes of passwords and the signatures of JWTs: guesses of
///                  strangers must delay neither the disk nor the operator
///   operators pool the same for the admin listener: guesses at the listeners for clients must not
///                  keep an operator out
///   keys pool      one thread for the keys of issuers of JWTs, some of which may not answer
///
/// Mirror::take_down() calls the steps in their order and ends the users of the threads in between.
/// Main thread only, unless a method says otherwise.
class Threads {
 public:
  using Loops = std::vector<std::unique_ptr<loop::Loop>>;

  /// Starts the pools; the loops wait for start_loops(). Throws std::system_error if a thread
  /// cannot be created.
  Threads(const conf::Threads& counts, const metrics::Metrics& metrics);
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

  // Any thread: these references never change.
  loop::Loop& control() { return control_; }
  const Loops& serve() const { return serve_; }
  const Loops& fetch() const { return fetch_; }
  loop::StorePool& store_pool() { return store_pool_; }
  loop::StorePool& admin_pool() { return admin_pool_; }
  loop::StorePool& login_pool() { return login_pool_; }
  loop::StorePool& operators_pool() { return operators_pool_; }
  loop::StorePool& keys_pool() { return keys_pool_; }
  std::vector<loop::Loop*> serve_loops() const;
  /// The serve loops, then the fetch loops.
  std::vector<loop::Loop*> worker_loops() const;

  void start_loops();
  /// True once end_loops() has begun: jobs of the pools must no longer wait for a loop. Any thread.
  bool ending() const { return ending_; }

  /// Step 1: stops all loops and joins their threads. From now on this thread stands in for them.
  /// REQUIRES: every http::Server is destroyed, because connections end on running loops.
  void end_loops();
  /// Step 2: runs the jobs that all pools but the store pool have queued, then joins their
  /// threads. Before step 3, since the former may need the store pool.
  void end_small_pools();
  /// Step 3: runs the jobs that the store pool has queued, then joins its threads.
  void end_store_pool();
  /// Step 4: destroys the jobs that the pools posted to the loops after step 1. They hold parts of
  /// the cache, so this comes before the cache is destroyed.
  void drop_posted();

 private:
  static Loops make_loops(const std::string& name, int count);

  loop::Loop control_{"control"};
  const Loops serve_;
  const Loops fetch_;
  loop::StorePool store_pool_;
  loop::StorePool admin_pool_;
  loop::StorePool login_pool_;
  loop::StorePool operators_pool_;
  loop::StorePool keys_pool_;
  std::atomic<bool> ending_{false};
};

}  // namespace entrepot::app
