// SPDX-License-Identifier: Apache-2.0
// How a cache of millions of blobs starts and answers, from synthetic entries:
//
//   bench_scale [entries, default 1000000]
//
// Fills an index in a folder of its own (some minutes for 10 million, 100 bytes each), then
// measures in processes of their own, so that memory is theirs alone: the memory of the index in
// memory, the time until look-ups are answered and until all is loaded, and look-ups while two
// threads change the index. Exits 1 where a bar is not held.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "cache/cache.h"
#include "cache/index/index.h"
#include "cache/index/layout.h"
#include "cache/index/rocks_index.h"
#include "metrics/log.h"
#include "tests/bench/scale_pool.h"

namespace entrepot::cache {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Well distributed values, the same in every run.
Digest digest_number(std::uint64_t number) {
  std::mt19937_64 random(number);
  std::array<std::uint8_t, 32> bytes;
  for (std::size_t at = 0; at < bytes.size(); at += 8) {
    const std::uint64_t value = random();
    std::memcpy(bytes.data() + at, &value, 8);
  }
  return {Algorithm::sha256, bytes};
}

std::uint64_t size_number(std::uint64_t number) { return 70'000 + number % 1'000'000; }

double resident_mib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("RssAnon:")) return std::strtod(line.c_str() + 8, nullptr) / 1024;
  return 0;
}

class Bars {
 public:
  void hold(const std::string& what, double value, double bar) {
    const bool held = value <= bar;
    std::cout << (held ? "  held    " : "  MISSED  ") << what << ": " << value << ", bar ≤ " << bar
              << std::endl;
    missed_ = missed_ || !held;
  }
  int code() const { return missed_ ? 1 : 0; }

 private:
  bool missed_ = false;
};

Options options_of(const std::filesystem::path& folder) {
  Options options;
  options.directory = folder;
  options.max_size = 1ULL << 50;
  options.scrub_rate = 0;
  return options;
}

void fill(const std::filesystem::path& folder, std::uint64_t entries) {
  const auto start = Clock::now();
  std::filesystem::create_directories(Layout(folder).index());
  const metrics::Metrics metrics{{}};
  RocksIndex rocks(Layout(folder).index(), 1ULL << 50, metrics);
  for (std::uint64_t n = 0; n < entries; ++n)
    rocks.put_blob(digest_number(n), {size_number(n), WallTime{}, false});
  std::cout << entries << " entries written in " << seconds_since(start) << " s\n";
}

int measure_memory(std::uint64_t entries) {
  Bars bars;
  const double before = resident_mib();
  Index index;
  for (std::uint64_t n = 0; n < entries; ++n) index.restore(digest_number(n), {size_number(n)});
  const double taken = resident_mib() - before;
  std::cout << "memory: " << taken << " MiB, " << taken * 1024 * 1024 / static_cast<double>(entries)
            << " bytes an entry\n";
  bars.hold("MiB of memory", taken, entries > 2'000'000 ? 1536 : 150);
  std::_Exit(bars.code());
}

int measure_start(const std::filesystem::path& folder, std::uint64_t entries) {
  Bars bars;
  const metrics::Metrics metrics{{}};
  const SystemClock clock;
  NoSource source;
  ScalePool pool(4);
  ScaleLoop loop;
  const auto start = Clock::now();
  Cache cache(options_of(folder), clock, metrics, pool, {{&loop, &source}});
  const double opened = seconds_since(start);
  while (!cache.admin().loaded())
    std::this_thread::sleep_for(std::chrono::milliseconds(1));  // nothing tells
  const double loaded = seconds_since(start);
  std::cout << "start: " << opened << " s until requests are answered, " << loaded
            << " s until all is loaded\n";
  bars.hold("s until requests are answered", opened, 1);
  bars.hold("s until all is loaded", loaded, entries > 2'000'000 ? 30 : 3);
  std::cout.flush();
  std::_Exit(bars.code());
}

int measure_lookups(std::uint64_t entries) {
  Bars bars;
  Index index;
  for (std::uint64_t n = 0; n < entries; ++n) index.restore(digest_number(n), {size_number(n)});
  std::atomic<bool> over{false};
  const auto capacity = index.bytes();
  std::thread change([&] {  // blobs come and go as at a busy miss rate
    for (std::uint64_t n = entries; !over; ++n) {
      index.put(digest_number(n), {size_number(n)});
      index.evict(capacity, [](const Digest&, bool) { return true; });
      std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
  });
  std::vector<Digest> wanted;
  std::mt19937_64 random(1);
  for (int i = 0; i < 200'000; ++i) wanted.push_back(digest_number(random() % entries));
  std::vector<double> times;
  times.reserve(wanted.size());
  for (const auto& digest : wanted) {
    const auto start = Clock::now();
    static_cast<void>(index.find(digest));
    index.use(digest);
    times.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count());
  }
  over = true;
  change.join();
  std::sort(times.begin(), times.end());
  const auto at = [&](double part) {
    return times[static_cast<std::size_t>(part * static_cast<double>(times.size()))];
  };
  std::cout << "look-up: median " << at(0.5) << " µs, p99 " << at(0.99) << " µs, p99.9 "
            << at(0.999) << " µs\n";
  bars.hold("µs, p99 of a look-up while the index changes", at(0.99), 20);
  std::_Exit(bars.code());
}

/// Runs in a process of its own.
template <typename Measure>
int apart(Measure measure) {
  std::cout.flush();
  const pid_t child = ::fork();
  if (child == 0) std::_Exit(measure());
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int run(std::uint64_t entries) {
  std::string name = (std::filesystem::temp_directory_path() / "entrepot-scale-XXXXXX").string();
  const std::filesystem::path folder = ::mkdtemp(name.data());
  int code = apart([&] { return measure_memory(entries); });
  code |= apart([&] { return measure_lookups(entries); });
  code |= apart([&] {
    fill(folder, entries);
    return 0;
  });
  code |= apart([&] { return measure_start(folder, entries); });
  std::filesystem::remove_all(folder);
  return code;
}

}  // namespace
}  // namespace entrepot::cache

int main(int argc, char** argv) {
  return entrepot::cache::run(argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000);
}
