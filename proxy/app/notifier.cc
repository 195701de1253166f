// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/notifier.h"

#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <optional>
#include <system_error>
#include <utility>

#include "metrics/log.h"
#include "proxy/app/handover/descriptor_message.h"

namespace entrepot::app {
namespace {

/// systemd may be busy with its own units; longer than this it is not waited for.
constexpr timeval patience{1, 0};

std::string_view environment(const char* name) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): read before any thread is started
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Empty when it can be told.
std::string_view fault_of_socket(std::string_view name) {
  if (name.size() < 2 || (name[0] != '/' && name[0] != '@'))
    return "neither a path nor an abstract name";
  if (name.size() >= sizeof sockaddr_un::sun_path) return "too long for a socket";
  return {};
}

/// The time of the clock that systemd compares with the start of a reload.
std::int64_t monotonic_microseconds() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1'000;
}

}  // namespace

NotifierOptions notifier_options() {
  NotifierOptions options;
  options.socket = environment("NOTIFY_SOCKET");
  // A watchdog that was meant for a parent of ours is not for us.
  const auto pid = environment("WATCHDOG_PID");
  if (!pid.empty() && number(pid) != std::int64_t{::getpid()}) return options;
  if (const auto time = number(environment("WATCHDOG_USEC")); time && *time > 0)
    options.watchdog = std::chrono::microseconds(*time);
  return options;
}

Notifier::Notifier(NotifierOptions options) : options_(std::move(options)) {
  const auto& name = options_.socket;
  if (name.empty()) return;
  if (const auto fault = fault_of_socket(name); !fault.empty()) {
    complain(fault);
    return;
  }
  address_.sun_family = AF_UNIX;
  name.copy(address_.sun_path, name.size());
  if (name[0] == '@') address_.sun_path[0] = '\0';
  address_size_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  fd_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd_ < 0 || ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) != 0)
    complain(std::generic_category().message(errno));
}

Notifier::~Notifier() {
  if (fd_ >= 0) ::close(fd_);
}

void Notifier::ready(std::string_view status) { send("READY=1\nSTATUS=" + std::string(status)); }

void Notifier::reloading() {
  send("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(monotonic_microseconds()));
}

void Notifier::main_process(int pid) { send("MAINPID=" + std::to_string(pid)); }

void Notifier::stopping(std::string_view status) {
  send("STOPPING=1\nSTATUS=" + std::string(status));
}

void Notifier::alive() { send("WATCHDOG=1"); }

std::chrono::milliseconds Notifier::alive_every() const {
  if (fd_ < 0) return {};
  return std::chrono::duration_cast<std::chrono::milliseconds>(options_.watchdog / 2);
}

void Notifier::store(const std::vector<int>& descriptors) {
  send("FDSTOREREMOVE=1\nFDNAME=listen");
  std::span<const int> left(descriptors);
  while (!left.empty()) {
    const auto some = left.first(std::min(left.size(), DescriptorMessage::most_descriptors));
    send("FDSTORE=1\nFDNAME=listen", some);
    left = left.subspan(some.size());
  }
}

void Notifier::send(const std::string& message, std::span<const int> descriptors) {
  if (fd_ < 0) return;
  DescriptorMessage datagram(message, descriptors);
  datagram.header.msg_name = &address_;
  datagram.header.msg_namelen = address_size_;
  if (::sendmsg(fd_, &datagram.header, MSG_NOSIGNAL) < 0)
    complain(std::generic_category().message(errno));
}

void Notifier::complain(std::string_view reason) {
  if (!std::exchange(complained_, true))
    log::warn("NOTIFY_SOCKET {}: {}; the service manager is not told how this process does",
              options_.socket, reason);
}

}  // namespace entrepot::app
