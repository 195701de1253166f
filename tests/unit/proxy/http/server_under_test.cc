// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/proxy/http/server_under_test.h"

#include <gtest/gtest.h>

#include <future>

namespace entrepot::http {

ServerUnderTest::ServerUnderTest(Handle handle, ServerOptions options, std::size_t loops)
    : handle_(std::move(handle)) {
  std::vector<loop::Loop*> pointers;
  for (std::size_t i = 0; i < loops; ++i) {
    loops_.push_back(std::make_unique<loop::Loop>(std::string("serve-") + std::to_string(i)));
    pointers.push_back(loops_.back().get());
  }
  if (options.address.empty()) options.address = "127.0.0.1:0";
  server_ = std::make_unique<Server>(std::move(options), pointers, *this);
  for (loop::Loop* loop : pointers) loop->start();
  server_->listen();
  server_->start();
}

ServerUnderTest::~ServerUnderTest() {
  destroy();
  for (const auto& loop : loops_) {
    loop->stop();
    loop->join();
  }
}

void ServerUnderTest::destroy() { server_.reset(); }

void ServerUnderTest::handle(const ExchangePtr& exchange) {
  handle_(exchange);
  const std::lock_guard lock(mutex_);
  ++handled_;
  changed_.notify_all();
}

void ServerUnderTest::finished(const Exchange& exchange, const ReplyStats& stats) {
  EXPECT_TRUE(exchange.closed());
  const std::lock_guard lock(mutex_);
  finished_.push_back(stats);
  changed_.notify_all();
}

std::string ServerUnderTest::refused(int status, std::string_view reason, const Peer&) {
  const std::lock_guard lock(mutex_);
  refused_.push_back(status);
  changed_.notify_all();
  return std::string("{\"why\":\"") + std::string(reason) + "\"}";
}

void ServerUnderTest::forwarding_failed(metrics::Forwarding reason, const Peer&) {
  const std::lock_guard lock(mutex_);
  not_forwarded_.push_back(reason);
  changed_.notify_all();
}

std::vector<metrics::Forwarding> ServerUnderTest::wait_not_forwarded(std::size_t n) {
  wait([&] { return not_forwarded_.size() >= n; }, "forwarding_failed()");
  const std::lock_guard lock(mutex_);
  return not_forwarded_;
}

void ServerUnderTest::on_loop(const loop::Job& job) {
  std::promise<void> done;
  loop().post([&] {
    job();
    done.set_value();
  });
  done.get_future().wait();
}

template <typename Holds>
void ServerUnderTest::wait(Holds holds, const char* what) {
  std::unique_lock lock(mutex_);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  // The end of a connection makes no call, hence the short waits.
  while (!holds()) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "waited in vain for " << what;
    changed_.wait_for(lock, std::chrono::milliseconds(2));
  }
}

void ServerUnderTest::wait_handled(std::size_t n) {
  wait([&] { return handled_ >= n; }, "handle()");
}

std::vector<ReplyStats> ServerUnderTest::wait_finished(std::size_t n) {
  wait([&] { return finished_.size() >= n; }, "finished()");
  const std::lock_guard lock(mutex_);
  return finished_;
}

void ServerUnderTest::wait_connections(std::size_t n) {
  wait([&] { return server_->connections() >= n; }, "connections");
}

void ServerUnderTest::wait_idle() {
  wait([&] { return server_->connections() == 0; }, "the connections to end");
}

std::vector<int> ServerUnderTest::refusals() {
  const std::lock_guard lock(mutex_);
  return refused_;
}

std::size_t ServerUnderTest::handled() {
  const std::lock_guard lock(mutex_);
  return handled_;
}

ClientCounters one_counter(std::atomic<std::uint64_t>& counted) {
  const metrics::Counter one(&counted);
  return {.connections = one,
          .requests = one,
          .misses = one,
          .heads = one,
          .bandwidth = one,
          .slow = one,
          .idle = one};
}

std::string get(const std::string& path, const std::string& fields, const std::string& method) {
  return method + " " + path + " HTTP/1.1\r\nHost: test\r\n" + fields + "\r\n";
}

void echo_path(const ExchangePtr& exchange) {
  exchange->reply(ReplyHead(200), std::string_view(exchange->request().path()));
}

}  // namespace entrepot::http
