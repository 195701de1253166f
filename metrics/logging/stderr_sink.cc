// SPDX-License-Identifier: Apache-2.0
#include "metrics/logging/stderr_sink.h"

namespace entrepot::log {

void StderrSink::sink_it_(const spdlog::details::log_msg& message) {
  spdlog::memory_buf_t line;
  formatter_->format(message, line);
  if (writer_.write(line.data(), line.size()) < line.size())
    dropped_.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace entrepot::log
