// SPDX-License-Identifier: Apache-2.0
// Two loggers exist at any time: one for messages and one for access lines, whose payload is
// formatted by access_log.cc. Before start() both write synchronously on the calling thread; after
// it they share one queue and one thread. Loggers are never freed, because a thread of a library
// (RocksDB) may still use one at the end of the process.
#include "metrics/log.h"

#include <spdlog/async.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <stdexcept>
#include <vector>

#include "metrics/access_log.h"
#include "metrics/logging/access_file.h"
#include "metrics/logging/journal.h"
#include "metrics/logging/line_format.h"
#include "metrics/logging/stderr_sink.h"

namespace entrepot::log {
namespace {

constexpr std::size_t queue_lines = 8192;
constexpr std::chrono::milliseconds stop_patience{1000};

/// A pair of loggers on one sink.
struct Loggers {
  Options options;
  std::shared_ptr<StderrSink> sink;
  std::shared_ptr<spdlog::logger> messages;
  std::shared_ptr<spdlog::logger> access;
};

bool to_journal() {
  static const bool is = is_journal(STDERR_FILENO);
  return is;
}

LineStyle style_of(bool json) {
  if (to_journal()) return json ? LineStyle::journal_json : LineStyle::journal_text;
  return json ? LineStyle::json : LineStyle::text;
}

/// The lines are those of all loggers.
const std::shared_ptr<LatestLines>& kept_lines() {
  static const auto* const lines = new std::shared_ptr(std::make_shared<LatestLines>());
  return *lines;
}

template <typename Logger, typename... Rest>
std::unique_ptr<Loggers> make(const Options& options, const Rest&... rest) {
  auto loggers = std::make_unique<Loggers>();
  loggers->options = options;
  loggers->sink = std::make_shared<StderrSink>(STDERR_FILENO);
  loggers->sink->set_formatter(std::make_unique<LineFormatter>(style_of(options.json)));
  // In this order: stderr may block.
  const spdlog::sinks_init_list sinks{kept_lines(), loggers->sink};
  loggers->messages = std::make_shared<Logger>("entrepot", sinks, rest...);
  loggers->messages->set_level(spdlog::level::from_str(options.level));
  loggers->access =
      std::make_shared<Logger>(std::string(access_logger_name), loggers->sink, rest...);
  return loggers;
}

struct State {
  std::atomic<Loggers*> current{nullptr};
  std::vector<std::unique_ptr<Loggers>> all;           // main thread
  std::shared_ptr<spdlog::details::thread_pool> pool;  // null while lines are written synchronously
  std::unique_ptr<AccessFile> file;                    // main thread; of the running log
  std::atomic<AccessFile*> access_file{nullptr};
  std::atomic<std::uint64_t> dropped{0};  // by loggers that are no longer current

  Loggers& use(std::unique_ptr<Loggers> next) {
    all.push_back(std::move(next));
    current.store(all.back().get(), std::memory_order_release);
    return *all.back();
  }
};

State& state() {
  static State* const state = [] {
    auto* made = new State;
    made->use(make<spdlog::logger>(Options{}));
    return made;
  }();
  return *state;
}

Loggers& current() { return *state().current.load(std::memory_order_acquire); }

/// from_str() of spdlog interprets any other word as "off".
void check_level(const std::string& level) {
  static constexpr std::array levels = {"trace", "debug", "info", "warn", "error"};
  if (std::find(levels.begin(), levels.end(), level) == levels.end())
    throw std::invalid_argument("log level \"" + level +
                                "\" is none of trace, debug, info, warn, error");
}

}  // namespace

void set_level(const std::string& level) {
  if (level != "off") check_level(level);
  current().messages->set_level(spdlog::level::from_str(level));
}

void start(const Options& options) {
  check_level(options.level);
  auto& log = state();
  if (!options.access_file.empty()) {
    log.file = std::make_unique<AccessFile>(
        options.access_file, AccessFile::Tell{[](const std::string& line) { info("{}", line); },
                                              [](const std::string& line) { error("{}", line); }});
    log.access_file = log.file.get();
  }
  log.pool = std::make_shared<spdlog::details::thread_pool>(queue_lines, 1);
  log.use(
      make<spdlog::async_logger>(options, log.pool, spdlog::async_overflow_policy::overrun_oldest));
}

void stop() {
  auto& log = state();
  if (!log.pool) return;
  log.access_file = nullptr;
  if (log.file) {
    log.file->stop(stop_patience);
    log.dropped += log.file->dropped();
    log.file.reset();
  }
  auto& queued = current();
  auto& direct = log.use(make<spdlog::logger>(queued.options));
  direct.sink->give_up(stop_patience);
  queued.sink->give_up(stop_patience);
  log.dropped += log.pool->overrun_counter();
  log.pool.reset();  // writes the queued lines and joins the thread
  log.dropped += queued.sink->dropped();
}

bool reopen() {
  AccessFile* const file = access_file();
  if (file != nullptr) file->reopen();
  return file != nullptr;
}

std::string_view error_prefix() { return to_journal() ? priority(spdlog::level::err) : ""; }

std::uint64_t dropped() {
  auto& log = state();
  const std::uint64_t overrun = log.pool ? log.pool->overrun_counter() : 0;
  const AccessFile* const file = access_file();
  return log.dropped + overrun + current().sink->dropped() + (file ? file->dropped() : 0);
}

std::vector<LatestLine> latest_lines() { return kept_lines()->lines(); }

spdlog::logger& logger() { return *current().messages; }

spdlog::logger& access_logger() { return *current().access; }

AccessFile* access_file() { return state().access_file.load(std::memory_order_acquire); }

bool json() { return current().options.json; }

}  // namespace entrepot::log
