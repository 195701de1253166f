// SPDX-License-Identifier: Apache-2.0
#include "metrics/logging/patient_writer.h"

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

PatientWriter::PatientWriter(int fd)
    : fd_(fd), deadline_(std::numeric_limits<std::int64_t>::max()) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return;
  if (S_ISSOCK(status.st_mode)) kind_ = Kind::socket;
  if (!S_ISFIFO(status.st_mode) && !S_ISCHR(status.st_mode)) return;
  const std::string path = fmt::format("/proc/self/fd/{}", fd);
  own_fd_ = ::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  kind_ = own_fd_ >= 0 ? Kind::reopened : Kind::pipe;
}

PatientWriter::~PatientWriter() {
  if (own_fd_ >= 0) ::close(own_fd_);
}

void PatientWriter::give_up(std::chrono::milliseconds patience) {
  deadline_.store(now_ms() + patience.count(), std::memory_order_relaxed);
}

void PatientWriter::wait_again() {
  deadline_.store(std::numeric_limits<std::int64_t>::max(), std::memory_order_relaxed);
}

std::size_t PatientWriter::write(const char* data, std::size_t size) {
  std::size_t done = 0;
  while (done < size) {
    const std::ptrdiff_t written = write_some(data + done, size - done);
    if (written > 0) {
      done += static_cast<std::size_t>(written);
    } else if (written < 0 && errno == EAGAIN) {
      if (!wait_writable()) break;
    } else if (written == 0 || errno != EINTR) {
      break;
    }
  }
  return done;
}

std::ptrdiff_t PatientWriter::write_some(const char* data, std::size_t size) {
  switch (kind_) {
    case Kind::file:
      return ::write(fd_, data, size);
    case Kind::socket:
      return ::send(fd_, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    case Kind::reopened:
      return ::write(own_fd_, data, size);
    case Kind::pipe:
      break;
  }
  // It could not be reopened: once poll reports it writable, this many bytes do not block.
  return wait_writable() ? ::write(fd_, data, std::min<std::size_t>(size, PIPE_BUF)) : 0;
}

/// False: the wait has ended, or the reader has closed its end.
bool PatientWriter::wait_writable() {
  for (;;) {
    const bool late = now_ms() > deadline_.load(std::memory_order_relaxed);
    pollfd entry{own_fd_ >= 0 ? own_fd_ : fd_, POLLOUT, 0};
    if (::poll(&entry, 1, late ? 0 : poll_ms) > 0) {
      errno = EPIPE;
      return (entry.revents & POLLOUT) != 0;
    }
    errno = ETIMEDOUT;
    if (late) return false;
  }
}

}  // namespace entrepot::log
