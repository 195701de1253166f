// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/handover/successor.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace entrepot::app {
namespace {

struct Program {
  std::string file;
  std::vector<std::string> arguments;
};

Program program;

std::vector<std::string> split_at_nul(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\0'), text.size());
    parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

/// The variables that a service manager has set for this process alone (sd_listen_fds(3),
/// sd_watchdog_enabled(3)).
bool is_of_this_process(std::string_view variable) {
  return variable.starts_with("LISTEN_") || variable.starts_with("WATCHDOG_PID=");
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> environment() {
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable)
    if (!is_of_this_process(*variable)) variables.emplace_back(*variable);
  return variables;
}

}  // namespace

void remember_program() {
  std::error_code error;
  program.file = std::filesystem::read_symlink("/proc/self/exe", error).string();
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  program.arguments = split_at_nul(
      std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()));
}

std::string Successor::start() {
  if (pid_) return "the process " + std::to_string(*pid_) + " is about to replace this one";
  if (program.file.empty() || program.arguments.empty())
    return "/proc does not tell the program of this process";
  auto arguments = program.arguments;
  if (std::find(arguments.begin(), arguments.end(), "--replace") == arguments.end())
    arguments.emplace_back("--replace");
  auto variables = environment();
  posix_spawnattr_t attributes;
  sigset_t none, ignored;
  sigemptyset(&none);
  sigemptyset(&ignored);
  sigaddset(&ignored, SIGPIPE);
  ::posix_spawnattr_init(&attributes);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setsigdefault(&attributes, &ignored);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, program.file.c_str(), nullptr, &attributes,
                                  pointers(arguments).data(), pointers(variables).data());
  ::posix_spawnattr_destroy(&attributes);
  if (error != 0) return program.file + ": " + std::generic_category().message(error);
  pid_ = pid;
  return {};
}

std::string Successor::end() {
  int status = 0;
  if (!pid_ || ::waitpid(*pid_, &status, WNOHANG) != *pid_) return {};
  pid_.reset();
  if (WIFSIGNALED(status)) return "signal " + std::to_string(WTERMSIG(status));
  return "exit code " + std::to_string(WEXITSTATUS(status));
}

}  // namespace entrepot::app
