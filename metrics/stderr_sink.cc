// SPDX-License-Identifier: Apache-2.0
#include "metrics/stderr_sink.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <string>

namespace entrepot::log {
namespace {

/// Duration of one poll, and therefore the delay of give_up().
constexpr int poll_ms = 50;

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

StderrSink::StderrSink(int fd) : fd_(fd), deadline_(std::numeric_limits<std::int64_t>::max()) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return;
  socket_ = S_ISSOCK(status.st_mode);
  if (S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode)) {
    const std::string path = fmt::format("/proc/self/fd/{}", fd);
    own_fd_ = ::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  }
}

StderrSink::~StderrSink() {
  if (own_fd_ >= 0) ::close(own_fd_);
}

void StderrSink::give_up(std::chrono::milliseconds patience) {
  deadline_.store(now_ms() + patience.count(), std::memory_order_relaxed);
}

void StderrSink::sink_it_(const spdlog::details::log_msg& message) {
  spdlog::memory_buf_t line;
  formatter_->format(message, line);
  if (!write_all(line.data(), line.size())) dropped_.fetch_add(1, std::memory_order_relaxed);
}

/// Returns false after a timeout or if the reader has closed its end.
bool StderrSink::write_all(const char* data, std::size_t size) {
  while (size > 0) {
    ssize_t written = 0;
    if (socket_) {
      written = ::send(fd_, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    } else if (own_fd_ >= 0) {
      written = ::write(own_fd_, data, size);
    } else {
      // A pipe that could not be reopened: once poll reports it writable, this many bytes do not
      // block.
      if (!wait_writable()) return false;
      written = ::write(fd_, data, std::min<std::size_t>(size, PIPE_BUF));
    }
    if (written > 0) {
      data += written;
      size -= static_cast<std::size_t>(written);
    } else if (written < 0 && errno == EAGAIN) {
      if (!wait_writable()) return false;
    } else if (written == 0 || errno != EINTR) {
      return false;
    }
  }
  return true;
}

bool StderrSink::wait_writable() {
  for (;;) {
    const bool late = now_ms() > deadline_.load(std::memory_order_relaxed);
    pollfd entry{own_fd_ >= 0 ? own_fd_ : fd_, POLLOUT, 0};
    if (::poll(&entry, 1, late ? 0 : poll_ms) > 0) return (entry.revents & POLLOUT) != 0;
    if (late) return false;
  }
}

}  // namespace entrepot::log
