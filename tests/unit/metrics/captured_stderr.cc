// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/metrics/captured_stderr.h"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

namespace entrepot::log {

CapturedStderr::CapturedStderr() {
  std::signal(SIGPIPE, SIG_IGN);
  int ends[2];
  saved_ = ::dup(STDERR_FILENO);
  if (saved_ < 0 || ::pipe(ends) != 0) std::abort();
  read_end_ = ends[0];
  ::dup2(ends[1], STDERR_FILENO);
  ::close(ends[1]);
}

CapturedStderr::~CapturedStderr() {
  restore();
  ::close(read_end_);
}

void CapturedStderr::clog() {
  const int flags = ::fcntl(STDERR_FILENO, F_GETFL);
  ::fcntl(STDERR_FILENO, F_SETFL, flags | O_NONBLOCK);
  const std::string block(4096, '.');
  while (::write(STDERR_FILENO, block.data(), block.size()) > 0) {
  }
  while (::write(STDERR_FILENO, ".", 1) > 0) {
  }
  ::fcntl(STDERR_FILENO, F_SETFL, flags);
}

std::string CapturedStderr::text() {
  restore();
  ::fcntl(read_end_, F_SETFL, O_NONBLOCK);
  std::string all;
  char block[65536];
  for (ssize_t size; (size = ::read(read_end_, block, sizeof block)) > 0;)
    all.append(block, static_cast<std::size_t>(size));
  return all;
}

void CapturedStderr::restore() {
  if (saved_ < 0) return;
  ::dup2(saved_, STDERR_FILENO);
  ::close(saved_);
  saved_ = -1;
}

}  // namespace entrepot::log
