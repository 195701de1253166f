// SPDX-License-Identifier: Apache-2.0
// Resource usage of this process as reported by the kernel. Private to metrics/.
#pragma once

namespace entrepot::metrics {

/// Members are NaN if /proc does not provide them.
struct ProcessUse {
  double cpu_seconds;
  double resident_bytes;
  double open_fds;
  double max_fds;
  double start_time;  ///< seconds since 1970; constant during the process
};

/// Any thread. Reads /proc/self, which takes a millisecond with thousands of open files.
ProcessUse process_use();

}  // namespace entrepot::metrics
