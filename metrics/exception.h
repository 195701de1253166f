// SPDX-License-Identifier: Apache-2.0
// Handling of unexpected exceptions. They do not leave the threads of the process: a pool logs and
// counts a job that threw and continues; a loop ends the process as a bug does, because the job may
// have left its tables half changed.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "metrics/metrics.h"

namespace entrepot {

/// The message of the current exception. Call it in a catch block or in a terminate handler.
std::string exception_text();

/// The name of the function that created `job`, for log messages. Slow.
std::string job_name(const std::function<void()>& job);

/// Logs the current exception as that of `job`, and counts it. Call it in a catch block of a pool.
void count_failed_job(std::string_view job, const metrics::Counter& failures);

/// Makes every uncaught exception, on any thread, end the process as a bug does: one line on
/// stderr, exit code 70.
void end_on_uncaught_exceptions();

/// Runs `work`. If it throws, runs `failed` and rethrows. Serves jobs of a pool whose owner waits
/// for an answer. `failed` must not throw.
template <typename Work, typename Failed>
void run_or(Work&& work, Failed&& failed) {
  try {
    work();
  } catch (...) {
    failed();
    throw;
  }
}

/// Runs `work` and then `after`, even if `work` throws; rethrows the exception afterwards.
template <typename Work, typename After>
void run_then(Work&& work, After&& after) {
  run_or(work, after);
  after();
}

}  // namespace entrepot
