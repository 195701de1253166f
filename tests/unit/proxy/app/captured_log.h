// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "metrics/log.h"

namespace entrepot::app {

/// Captures the log during its life. A test makes it before its threads and reads it after them.
class CapturedLog {
 public:
  CapturedLog() {
    testing::internal::CaptureStderr();
    log::start({});
  }
  ~CapturedLog() { text(); }
  CapturedLog(const CapturedLog&) = delete;
  CapturedLog& operator=(const CapturedLog&) = delete;

  /// All of it; ends the capture.
  const std::string& text() {
    if (ended_) return text_;
    ended_ = true;
    log::stop();
    return text_ = testing::internal::GetCapturedStderr();
  }

 private:
  bool ended_ = false;
  std::string text_;
};

}  // namespace entrepot::app
