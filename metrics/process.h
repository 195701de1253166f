// SPDX-License-Identifier: Apache-2.0
// What the kernel says of this process. Private to metrics/.
#pragma once

namespace entrepot::metrics {

/// NaN where /proc does not say.
struct ProcessUse {
  double cpu_seconds;
  double resident_bytes;
  double open_fds;
  double max_fds;
  double start_time;  ///< seconds since 1970; the same each time
};

/// Any thread; reads /proc/self, which takes a millisecond where thousands of files are open.
ProcessUse process_use();

}  // namespace entrepot::metrics
