// SPDX-License-Identifier: Apache-2.0
// Two loggers at any time: one for messages, one for access lines (their payload is formatted by
// access_log.cc). Before start() both write at once on the calling thread; after it they share one
// queue and one thread. Loggers are never freed: a thread of a library (RocksDB's) may still hold
// one while the process ends.
#include "metrics/log.h"

#include <spdlog/async.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <stdexcept>

#include "metrics/access_log.h"
#include "metrics/line_format.h"
#include "metrics/stderr_sink.h"

namespace entrepot::log {
namespace {

constexpr std::size_t queue_lines = 8192;
constexpr std::chrono::milliseconds stop_patience{1000};

/// A pair of loggers on one sink.
struct Loggers {
  std::shared_ptr<StderrSink> sink;
  std::shared_ptr<spdlog::logger> messages;
  std::shared_ptr<spdlog::logger> access;
  bool json = false;
};

struct State {
  Loggers direct;
  std::atomic<Loggers*> current{&direct};
  std::shared_ptr<spdlog::details::thread_pool> pool;  // null while lines go out directly
  std::atomic<std::uint64_t> dropped{0};               // by queues and sinks that are gone
};

template <typename Logger, typename... Rest>
void fill(Loggers& loggers, const Options& options, const Rest&... rest) {
  loggers.json = options.json;
  loggers.sink = std::make_shared<StderrSink>(STDERR_FILENO);
  loggers.sink->set_formatter(std::make_unique<LineFormatter>(options.json));
  loggers.messages = std::make_shared<Logger>("entrepot", loggers.sink, rest...);
  loggers.access = std::make_shared<Logger>(std::string(access_logger_name), loggers.sink, rest...);
  loggers.messages->set_level(spdlog::level::from_str(options.level));
}

State& state() {
  static State* const state = [] {
    auto* made = new State;
    fill<spdlog::logger>(made->direct, Options{});
    return made;
  }();
  return *state;
}

}  // namespace

void start(const Options& options) {
  // from_str() takes any other word for "off".
  for (const auto* known : {"trace", "debug", "info", "warn", "error"}) {
    if (options.level != known) continue;
    auto& log = state();
    auto* loggers = new Loggers;
    log.pool = std::make_shared<spdlog::details::thread_pool>(queue_lines, 1);
    fill<spdlog::async_logger>(*loggers, options, log.pool,
                               spdlog::async_overflow_policy::overrun_oldest);
    log.current.store(loggers, std::memory_order_release);
    return;
  }
  throw std::invalid_argument("log level \"" + options.level +
                              "\" is none of trace, debug, info, warn, error");
}

void stop() {
  auto& log = state();
  if (!log.pool) return;
  auto* loggers = log.current.exchange(&log.direct, std::memory_order_acq_rel);
  log.direct.messages->set_level(loggers->messages->level());
  loggers->sink->give_up(stop_patience);
  log.direct.sink->give_up(stop_patience);
  log.dropped += log.pool->overrun_counter();
  log.pool.reset();  // writes what is queued, joins the thread
  log.dropped += loggers->sink->dropped();
}

std::uint64_t dropped() {
  auto& log = state();
  std::uint64_t sum = log.dropped + log.direct.sink->dropped();
  if (log.pool) sum += log.pool->overrun_counter() + log.current.load()->sink->dropped();
  return sum;
}

spdlog::logger& logger() { return *state().current.load(std::memory_order_acquire)->messages; }

spdlog::logger& access_logger() { return *state().current.load(std::memory_order_acquire)->access; }

bool json() { return state().current.load(std::memory_order_acquire)->json; }

}  // namespace entrepot::log
