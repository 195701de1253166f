// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/threads.h"

#include "proxy/app/command/component_options.h"

namespace entrepot::app {

Threads::Threads(const conf::Threads& counts, const metrics::Metrics& metrics)
    : serve_(make_loops("serve", thread_count(counts.serve))),
      fetch_(make_loops("fetch", thread_count(counts.fetch))),
      store_pool_("store", static_cast<std::size_t>(counts.store),
                  metrics.job_failures(metrics::JobPool::store)),
      admin_pool_("admin", 1, metrics.job_failures(metrics::JobPool::admin)),
      login_pool_("login", 1, metrics.job_failures(metrics::JobPool::login)),
      operators_pool_("operators", 1, metrics.job_failures(metrics::JobPool::login)),
      keys_pool_("keys", 1, metrics.job_failures(metrics::JobPool::login)) {}

Threads::Loops Threads::make_loops(const std::string& name, int count) {
  Loops loops;
  for (int i = 0; i < count; ++i)
    loops.push_back(std::make_unique<loop::Loop>(name + "-" + std::to_string(i)));
  return loops;
}

std::vector<loop::Loop*> Threads::serve_loops() const {
  std::vector<loop::Loop*> loops;
  for (const auto& loop : serve_) loops.push_back(loop.get());
  return loops;
}

std::vector<loop::Loop*> Threads::worker_loops() const {
  std::vector<loop::Loop*> all;
  for (const auto* loops : {&serve_, &fetch_})
    for (const auto& loop : *loops) all.push_back(loop.get());
  return all;
}

void Threads::start_loops() {
  for (const auto* loops : {&fetch_, &serve_})
    for (const auto& loop : *loops) loop->start();
  control_.start();
}

void Threads::end_loops() {
  ending_ = true;
  const auto workers = worker_loops();
  for (auto* loop : workers) loop->stop();
  control_.stop();
  for (auto* loop : workers) loop->join();
  control_.join();
}

void Threads::end_small_pools() {
  for (auto* pool : {&admin_pool_, &login_pool_, &operators_pool_, &keys_pool_}) {
    pool->stop();
    pool->join();
  }
}

void Threads::end_store_pool() {
  store_pool_.stop();
  store_pool_.join();
}

void Threads::drop_posted() {
  for (auto* loop : worker_loops()) loop->drop_posted();
  control_.drop_posted();
}

}  // namespace entrepot::app
