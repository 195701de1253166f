// SPDX-License-Identifier: Apache-2.0
#include "metrics/exposition/process.h"

#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>

namespace entrepot::metrics {
namespace {

constexpr double unknown = std::numeric_limits<double>::quiet_NaN();

/// Fields of /proc/self/stat after the process name, which may contain any character (proc(5)).
struct Stat {
  std::uint64_t user = 0, system = 0, start = 0;  // in ticks
  std::uint64_t resident = 0;                     // in pages
};

bool read_stat(Stat& stat) {
  std::ifstream file("/proc/self/stat");
  std::string line;
  if (!std::getline(file, line)) return false;
  std::istringstream fields(line.substr(line.rfind(')') + 1));
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  fields >> stat.user >> stat.system;  // 14, 15
  for (int field = 16; field < 22; ++field) fields >> skipped;
  fields >> stat.start >> skipped >> stat.resident;  // 22, 23, 24
  return static_cast<bool>(fields);
}

double open_fds() {
  std::error_code error;
  double count = 0;
  for (std::filesystem::directory_iterator it("/proc/self/fd", error), end; !error && it != end;
       it.increment(error))
    ++count;
  return error ? unknown : count - 1;  // except the one of this iteration
}

double max_fds() {
  rlimit limit{};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? static_cast<double>(limit.rlim_cur) : unknown;
}

/// Computed from the age, because the kernel counts ticks since boot and the clock may be adjusted.
double start_time(std::uint64_t start_ticks, double ticks) {
  timespec up{};
  if (::clock_gettime(CLOCK_BOOTTIME, &up) != 0) return unknown;
  const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
  const double since_boot = static_cast<double>(up.tv_sec) + static_cast<double>(up.tv_nsec) * 1e-9;
  return now.count() - since_boot + static_cast<double>(start_ticks) / ticks;
}

}  // namespace

ProcessUse process_use() {
  ProcessUse use{unknown, unknown, open_fds(), max_fds(), unknown};
  Stat stat;
  if (!read_stat(stat)) return use;
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  use.cpu_seconds = static_cast<double>(stat.user + stat.system) / ticks;
  use.resident_bytes =
      static_cast<double>(stat.resident) * static_cast<double>(::sysconf(_SC_PAGESIZE));
  static const double started = start_time(stat.start, ticks);
  use.start_time = started;
  return use;
}

}  // namespace entrepot::metrics
