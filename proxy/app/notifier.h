// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <chrono>
#include <string>
#include <string_view>

namespace entrepot::app {

struct NotifierOptions {
  /// A path, or '@' and an abstract name; empty: nobody is told anything.
  std::string socket;
  /// Who does not hear alive() for so long ends the process; 0: nobody does.
  std::chrono::microseconds watchdog{0};
};

/// What the service manager put into NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID. Main thread,
/// before any other thread exists.
NotifierOptions notifier_options();

/// Tells the service manager how the process does: the datagrams of sd_notify(3), which systemd and
/// others understand. A datagram that cannot be sent is lost; the log says so, once. Control loop
/// only, whose turn a manager that takes nothing may hold for a second.
class Notifier {
 public:
  explicit Notifier(NotifierOptions options);
  ~Notifier();
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;

  /// It serves; also the end of reloading(). `status`: one line for people.
  void ready(std::string_view status);
  void reloading();
  void stopping(std::string_view status);
  void alive();

  /// How often alive() is to be called: twice in the time that is allowed; 0: never.
  std::chrono::milliseconds alive_every() const;

 private:
  void send(const std::string& message);
  void complain(std::string_view reason);

  const NotifierOptions options_;
  sockaddr_un address_{};
  socklen_t address_size_ = 0;
  int fd_ = -1;  // none: nobody is told
  bool complained_ = false;
};

}  // namespace entrepot::app
