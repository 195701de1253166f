// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/engines/docker_store.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <string_view>

extern char** environ;

namespace entrepot::app {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t longest_answer = 64 << 10;
constexpr std::string_view snapshotter = "io.containerd.snapshotter.v1";

/// A child process in a process group of its own, whose standard output is read. Ends at the end of
/// its scope.
class Child {
 public:
  /// Starts `docker info`.
  Child() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return;
    output_ = ends[0];
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
    ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
    std::string docker = "docker", info = "info", format = "--format",
                driver = "{{json .DriverStatus}} {{.ServerVersion}}";
    const std::array<char*, 5> words = {docker.data(), info.data(), format.data(), driver.data(),
                                        nullptr};
    if (::posix_spawnp(&child_, "docker", &actions, &attributes, words.data(), environ) != 0)
      child_ = -1;
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
    ::close(ends[1]);
  }
  ~Child() {
    if (child_ > 0) {
      ::kill(-child_, SIGKILL);
      static_cast<void>(wait());
    }
    if (output_ >= 0) ::close(output_);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  bool started() const { return child_ > 0; }

  /// The whole output; nullopt if it does not end until `end`.
  std::optional<std::string> read_until(Clock::time_point end) {
    std::string text;
    std::array<char, 4096> piece{};
    while (text.size() < longest_answer) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
      pollfd readable{output_, POLLIN, 0};
      const int ready = ::poll(&readable, 1, static_cast<int>(std::max<long>(left, 0)));
      if (ready < 0 && errno == EINTR) continue;
      if (ready <= 0) return std::nullopt;
      const ssize_t size = ::read(output_, piece.data(), piece.size());
      if (size <= 0) return text;
      text.append(piece.data(), static_cast<std::size_t>(size));
    }
    return text;
  }

 private:
  int wait() {
    int status = -1;
    while (::waitpid(child_, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
  }

  pid_t child_ = -1;
  int output_ = -1;
};

constexpr int first_with_hosts_files = 28;

/// The version behind the status, as "26.1.5" in `[["driver-type","…"]] 26.1.5`.
std::string_view version_in(std::string_view text) {
  const auto end = text.find_last_not_of(" \r\n");
  const auto blank = text.find_last_of(' ', end);
  if (end == std::string_view::npos || blank == std::string_view::npos) return {};
  return text.substr(blank + 1, end - blank);
}

/// 0: it begins with no number.
int major_version(std::string_view version) {
  int number = 0;
  std::from_chars(version.data(), version.data() + version.size(), number);
  return number;
}

FoundStore store_of(const std::string& text) {
  if (text.find(snapshotter) == std::string::npos) return {DockerStore::graphdriver, {}, {}};
  const auto version = version_in(text);
  const int major = major_version(version);
  if (major == 0 || major >= first_with_hosts_files) return {DockerStore::containerd, {}, {}};
  return {DockerStore::graphdriver,
          {},
          "Docker " + std::string(version) +
              " keeps images in containerd's image store, but looks for mirrors in daemon.json "
              "only, as every Docker before 28"};
}

}  // namespace

FoundStore ask_docker_for_its_store(std::chrono::milliseconds patience) {
  Child docker;
  if (!docker.started()) return {std::nullopt, "there is no program docker", {}};
  const auto text = docker.read_until(Clock::now() + patience);
  if (!text) return {std::nullopt, "docker info does not answer", {}};
  // "null" where the daemon is not reached.
  if (!text->starts_with("[[")) return {std::nullopt, "docker info fails; is Docker running?", {}};
  return store_of(*text);
}

}  // namespace entrepot::app
