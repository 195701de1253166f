// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/handover/bound_ports.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "metrics/log.h"
#include "proxy/base/text.h"
#include "proxy/http/listen/unix_socket.h"
#include "proxy/http/listener.h"

namespace entrepot::app {
namespace {

constexpr int first_descriptor = 3;  // SD_LISTEN_FDS_START
constexpr std::uint64_t most_passed = 1000;

std::optional<std::uint64_t> number_in_environment(const char* name) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): before any thread is started
  const char* value = std::getenv(name);
  return value == nullptr ? std::nullopt : parse_number(value);
}

std::vector<Descriptor> passed_descriptors() {
  const auto pid = number_in_environment("LISTEN_PID");
  const auto count = number_in_environment("LISTEN_FDS");
  std::vector<Descriptor> passed;
  if (pid != static_cast<std::uint64_t>(::getpid()) || !count || *count > most_passed)
    return passed;
  for (int fd = first_descriptor; fd < first_descriptor + static_cast<int>(*count); ++fd) {
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
    ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
    passed.emplace_back(fd);
  }
  return passed;
}

/// The sockets on `address`, which leave `all`.
std::vector<Descriptor> take_bound(std::vector<Descriptor>& all, const std::string& address) {
  std::vector<Descriptor> bound;
  for (Descriptor& one : all)
    if (one && http::listens_on(one.get(), address)) bound.push_back(std::move(one));
  return bound;
}

}  // namespace

InheritedSockets sockets_of_manager(const conf::Config& config) {
  auto passed = passed_descriptors();
  InheritedSockets sockets;
  if (!passed.empty()) sockets.set_managed();
  std::vector<std::string> addresses;
  for (const auto& listener : config.listen) addresses.push_back(listener.address);
  if (config.admin) addresses.push_back(config.admin->listener.address);
  for (const auto& address : addresses)
    if (auto bound = take_bound(passed, address); !bound.empty())
      sockets.add(address, std::move(bound));
  for (const Descriptor& unused : passed)
    if (unused)
      log::info(
          "the service manager has passed a socket (descriptor {}) on which no listener of the "
          "configuration listens; it is closed",
          unused.get());
  // NOLINTNEXTLINE(concurrency-mt-unsafe): before any thread is started
  for (const char* name : {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}) ::unsetenv(name);
  return sockets;
}

void bind_new_ports(const conf::Config& config, InheritedSockets& sockets) {
  std::map<std::string, std::size_t> wanted;
  for (const auto& listener : config.listen) ++wanted[listener.address];
  if (config.admin) ++wanted[config.admin->listener.address];
  for (const auto& [address, count] : wanted) {
    if (http::socket_path(address)) continue;
    for (std::size_t have = sockets.count(address); have < count; ++have) {
      std::vector<Descriptor> bound;
      for (const int fd : http::listen_on(address, 1)) bound.emplace_back(fd);
      sockets.add(address, std::move(bound));
    }
  }
}

}  // namespace entrepot::app
