// SPDX-License-Identifier: Apache-2.0
#include "metrics/exception.h"

#include <cxxabi.h>

#include <cstdlib>
#include <exception>
#include <memory>

#include "metrics/check.h"
#include "metrics/log.h"

namespace entrepot {

std::string exception_text() {
  const auto thrown = std::current_exception();
  if (!thrown) return "no exception";
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "an exception of a foreign type";
  }
}

std::string job_name(const std::function<void()>& job) {
  const char* const mangled = job.target_type().name();
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> name(
      abi::__cxa_demangle(mangled, nullptr, nullptr, &status), &std::free);
  return status == 0 ? name.get() : mangled;
}

void count_failed_job(std::string_view job, const metrics::Counter& failures) {
  failures.add();
  log::error("bug: \"{}\" in {}, which failed; the process continues. Please report it",
             exception_text(), job);
}

void end_on_uncaught_exceptions() {
  std::set_terminate([] { bug(("uncaught exception: " + exception_text()).c_str()); });
}

}  // namespace entrepot
