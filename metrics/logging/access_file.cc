// SPDX-License-Identifier: Apache-2.0
#include "metrics/logging/access_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace entrepot::log {
namespace {

using Clock = std::chrono::steady_clock;

/// Each thread has one number, so that few threads share a buffer.
std::size_t thread_number() {
  static std::atomic<std::size_t> next{0};
  thread_local const std::size_t number = next.fetch_add(1, std::memory_order_relaxed);
  return number;
}

std::string text_of(int error) { return std::generic_category().message(error); }

/// O_NONBLOCK: the open of a FIFO without a reader fails instead of waiting for one.
int open_file(const std::string& path) {
  constexpr int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  return ::open(path.c_str(), flags, 0640);
}

std::ptrdiff_t count_lines(std::string_view lines) {
  return std::count(lines.begin(), lines.end(), '\n');
}

}  // namespace

class AccessFile::Output {
 public:
  /// Owns `fd`.
  explicit Output(int fd) : fd_(fd), writer_(fd) {}
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  ~Output() { ::close(fd_); }

  PatientWriter& writer() { return writer_; }

 private:
  const int fd_;
  PatientWriter writer_;
};

AccessFile::AccessFile(std::string path, Tell tell)
    : path_(std::move(path)), tell_(std::move(tell)) {
  const int fd = open_file(path_);
  if (fd < 0)
    throw std::runtime_error(
        "the access log " + path_ + " cannot be opened: " + text_of(errno) +
        "; correct log.access_file, or make its folder, writable for this user");
  output_ = std::make_unique<Output>(fd);
  thread_ = std::thread([this] { run(); });
  ::pthread_setname_np(thread_.native_handle(), "access-log");
}

AccessFile::~AccessFile() {
  if (thread_.joinable()) stop(std::chrono::milliseconds(0));
}

void AccessFile::append(std::string_view line) {
  Buffer& buffer = buffers_[thread_number() % buffers_.size()];
  std::size_t before = 0, after = 0;
  {
    const MutexLock lock(buffer.mutex);
    before = buffer.lines.size();
    if (before + line.size() <= buffer_limit) buffer.lines.append(line);
    after = buffer.lines.size();
  }
  if (before == after) {
    dropped_.fetch_add(1, std::memory_order_relaxed);
    tell_loss("it is too slow");
  }
  if (before < wake_at && after >= wake_at) return call(Task::now);
  if (!called_.load(std::memory_order_relaxed) && !called_.exchange(true)) call(Task::soon);
}

void AccessFile::reopen() {
  reopen_ = true;
  {
    const MutexLock lock(mutex_);
    if (task_ != Task::stop) output_->writer().give_up(patience);
  }
  call(Task::now);
}

void AccessFile::stop(std::chrono::milliseconds limit) {
  {
    const MutexLock lock(mutex_);
    task_ = Task::stop;  // from now on, the output stays the same
    output_->writer().give_up(limit);
  }
  changed_.notify_one();
  thread_.join();
}

void AccessFile::call(Task task) {
  {
    const MutexLock lock(mutex_);
    task_ = std::max(task_, task);
  }
  changed_.notify_one();
}

AccessFile::Task AccessFile::wait() {
  const MutexLock lock(mutex_);
  while (task_ == Task::none) changed_.wait(mutex_);
  const auto end = Clock::now() + interval;
  while (task_ == Task::soon && Clock::now() < end) changed_.wait_until(mutex_, end);
  const Task task = task_;
  if (task != Task::stop) task_ = Task::none;
  return task;
}

void AccessFile::run() {
  for (;;) {
    const Task task = wait();
    // Before the buffers are taken: a line that comes later calls the thread again.
    called_ = false;
    write_buffers();
    if (task == Task::stop) return;
    if (reopen_.exchange(false)) open_again();
  }
}

void AccessFile::write_buffers() {
  for (Buffer& buffer : buffers_) {
    writing_.clear();
    {
      const MutexLock lock(buffer.mutex);
      writing_.swap(buffer.lines);
    }
    if (!writing_.empty()) write(writing_);
  }
}

void AccessFile::write(const std::string& lines) {
  PatientWriter& writer = output_->writer();
  if (cut_ && writer.write("\n", 1) == 1) cut_ = false;
  const std::size_t written = cut_ ? 0 : writer.write(lines.data(), lines.size());
  if (written == lines.size()) return;
  const int reason = errno;
  if (written > 0) cut_ = lines[written - 1] != '\n';
  dropped_ += static_cast<std::uint64_t>(count_lines(std::string_view(lines).substr(written)));
  tell_loss(text_of(reason));
}

void AccessFile::open_again() {
  const int fd = open_file(path_);
  const int reason = errno;
  auto next = fd < 0 ? nullptr : std::make_unique<Output>(fd);
  {
    const MutexLock lock(mutex_);
    if (task_ == Task::stop) return;  // give_up() was for the present one
    if (next == nullptr) output_->writer().wait_again();
    if (next != nullptr) output_.swap(next);
  }
  if (fd < 0)
    return tell_.failure(fmt::format(
        "the access log {} cannot be opened again ({}); the lines still go to the file before it",
        path_, text_of(reason)));
  cut_ = false;
  tell_.success(fmt::format("the access log {} is opened again", path_));
}

void AccessFile::tell_loss(std::string_view reason) {
  if (!loss_lines_.take()) return;
  tell_.failure(
      fmt::format("the access log {} does not take all lines ({}); {} of them are lost, and "
                  "requests are answered as before",
                  path_, reason, dropped()));
}

}  // namespace entrepot::log
