// SPDX-License-Identifier: Apache-2.0
#include "metrics/logging/journal.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <array>
#include <cstdlib>

namespace entrepot::log {

bool is_journal(int fd) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody changes the environment
  const char* const stream = std::getenv("JOURNAL_STREAM");
  struct stat status {};
  if (stream == nullptr || ::fstat(fd, &status) != 0) return false;
  return fmt::format("{}:{}", status.st_dev, status.st_ino) == stream;
}

std::string_view priority(spdlog::level::level_enum level) {
  // sd-daemon(3): SD_DEBUG, SD_INFO, SD_WARNING, SD_ERR, SD_CRIT; by the values of spdlog.
  static constexpr std::array<std::string_view, 7> prefixes = {"<7>", "<7>", "<6>", "<4>",
                                                               "<3>", "<2>", "<6>"};
  return prefixes[static_cast<std::size_t>(level)];
}

}  // namespace entrepot::log
