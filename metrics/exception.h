// SPDX-License-Identifier: Apache-2.0
// What becomes of exceptions that nobody foresaw. The threads of the process have borders that none
// passes: a pool logs and counts the job that threw, and goes on; a loop, whose tables the job may
// have left half changed, ends the process as a bug does.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "metrics/metrics.h"

namespace entrepot {

/// What the exception in flight says: in a catch block, or in a terminate handler.
std::string exception_text();

/// The function that made `job`, for whoever reads a log. Slow.
std::string job_name(const std::function<void()>& job);

/// In a catch block at the border of a pool: logs the exception in flight as that of `job`, and
/// counts it.
void count_failed_job(std::string_view job, const metrics::Counter& failures);

/// Makes an exception that nothing catches, on any thread, end the process as a bug does: one line
/// on stderr, exit code 70.
void end_on_uncaught_exceptions();

/// Runs `work`; where it throws, `failed` too, before the exception goes on: for a job of a pool
/// whose owner waits for an answer. `failed` does not throw.
template <typename Work, typename Failed>
void run_or(Work&& work, Failed&& failed) {
  try {
    work();
  } catch (...) {
    failed();
    throw;
  }
}

/// Runs `work` and then `after`, also where `work` throws; then the exception goes on.
template <typename Work, typename After>
void run_then(Work&& work, After&& after) {
  run_or(work, after);
  after();
}

}  // namespace entrepot
