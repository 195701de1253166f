// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <chrono>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace entrepot::app {

struct NotifierOptions {
  /// A path, or '@' and an abstract name; empty: no messages are sent.
  std::string socket;
  /// The service manager ends the process if alive() is not called for this time; 0: never.
  std::chrono::microseconds watchdog{0};
};

/// Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, which the service manager has set. Main
/// thread, before any other thread exists.
NotifierOptions notifier_options();

/// Reports the state of the process to the service manager by the datagrams of sd_notify(3), which
/// systemd and others understand. A datagram that cannot be sent is lost and logged once. Control
/// loop only; a manager that does not read its socket may block it for a second.
class Notifier {
 public:
  explicit Notifier(NotifierOptions options);
  ~Notifier();
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;

  /// The process serves; also ends reloading(). `status`: one line for operators.
  void ready(std::string_view status);
  void reloading();
  /// The process `pid`, which this one has started, is the service from now on: the manager ignores
  /// what this one sends later.
  void main_process(int pid);
  void stopping(std::string_view status);
  /// Lets the manager keep these descriptors, instead of those that it has, for the next process
  /// (FDSTORE, sd_pid_notify_with_fds(3)). It may refuse them.
  void store(const std::vector<int>& descriptors);
  void alive();

  /// A service manager watches this process.
  bool managed() const { return !options_.socket.empty(); }
  /// The interval of calls of alive(): half of the watchdog's time; 0: never.
  std::chrono::milliseconds alive_every() const;

 private:
  void send(const std::string& message, std::span<const int> descriptors = {});
  void complain(std::string_view reason);

  const NotifierOptions options_;
  sockaddr_un address_{};
  socklen_t address_size_ = 0;
  int fd_ = -1;  // none: nobody is told
  bool complained_ = false;
};

}  // namespace entrepot::app
