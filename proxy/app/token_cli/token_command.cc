// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/token_cli/token_command.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <iomanip>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "metrics/printable.h"
#include "metrics/word_table.h"
#include "proxy/access/login/token_file.h"
#include "proxy/access/login/utc_time.h"
#include "proxy/app/command/exit_codes.h"
#include "proxy/app/engines/files/replaced_file.h"
#include "proxy/base/secret.h"

namespace entrepot::app {
namespace {

namespace fs = std::filesystem;
using access::TokenFile;
using access::TokenState;

/// The tokens of a file, and its content for replace_file().
struct Opened {
  fs::path path;
  std::optional<std::string> before;  ///< nullopt: the file does not exist
  TokenFile tokens;
};

std::runtime_error unusable(const fs::path& path, const std::vector<access::Problem>& problems) {
  std::string text = path.string() + " is not used:";
  for (const auto& problem : problems)
    text += "\n  " + (problem.where.empty() ? "" : problem.where + ": ") + problem.what;
  return std::runtime_error(text);
}

/// Keeps other calls of this command from the folder of the file until the process ends: between
/// the reading and the replacement of the file, another one would undo its change.
void lock_folder(const fs::path& folder) {
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;  // the file cannot be written either, which is said then
  while (::flock(fd, LOCK_EX) != 0 && errno == EINTR) {
  }
}

Opened open(const fs::path& file) {
  Opened opened;
  opened.path = path_below("/", fs::absolute(file));
  lock_folder(opened.path.parent_path());
  opened.before = content_of_file(opened.path);
  if (!opened.before) return opened;
  auto parsed = TokenFile::parse(*opened.before);
  if (const auto* problems = std::get_if<std::vector<access::Problem>>(&parsed))
    throw unusable(opened.path, *problems);
  opened.tokens = std::get<TokenFile>(std::move(parsed));
  return opened;
}

void save(const Opened& opened) {
  replace_file(opened.path, opened.before, opened.tokens.text(),
               {.mode_of_new_file = 0600, .keep_backup = false});
}

void tell(const std::string& text) { std::cerr << "entrepot: " << text << '\n'; }

std::chrono::sys_seconds now() {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

int create(const Command& command) {
  Opened opened = open(command.token_file);
  const std::string name = printable(command.token_name);
  if (opened.tokens.has(command.token_name)) {
    tell(opened.path.string() + " has a token " + name +
         " already; revoke it first, or choose another name");
    return exit_found;
  }
  std::string text = access::random_token_text();
  access::Token token{command.token_name, access::sha256_of(text), now(), std::nullopt};
  if (command.token_life)
    token.expires = token.created + std::chrono::floor<std::chrono::seconds>(*command.token_life);
  const std::string end =
      token.expires ? "until " + access::utc_time_text(*token.expires) : "until it is revoked";
  opened.tokens.add(std::move(token));
  save(opened);
  std::cout << text << std::endl;
  wipe(text);
  if (!std::cout)
    throw std::runtime_error("the token cannot be printed; revoke " + name +
                             ", and create it again");
  tell("token " + name + " is in " + opened.path.string() + ", valid " + end);
  tell("keep the token now: the file has its hash only");
  if (!opened.before && ::geteuid() == 0)
    tell("the file belongs to root; give it to the user of the mirror: chown entrepot " +
         opened.path.string());
  return exit_ok;
}

int list(const Command& command) {
  const Opened opened = open(command.token_file);
  if (!opened.before) throw std::runtime_error(opened.path.string() + " does not exist");
  std::size_t width = 4;
  for (const auto& [name, token] : opened.tokens.tokens())
    width = std::max(width, printable(name).size());
  const auto row = [width](const std::string& name, std::string_view created,
                           std::string_view expires, std::string_view state) {
    std::cout << std::left << std::setw(static_cast<int>(width)) << name << "  " << std::setw(20)
              << created << "  " << std::setw(20) << expires << "  " << state << '\n';
  };
  row("NAME", "CREATED", "EXPIRES", "STATE");
  for (const auto& [name, token] : opened.tokens.tokens())
    row(printable(name), access::utc_time_text(token.created),
        token.expires ? access::utc_time_text(*token.expires) : "never",
        metrics::to_string(token.expired(now()) ? TokenState::expired : TokenState::valid));
  return exit_ok;
}

int revoke(const Command& command) {
  Opened opened = open(command.token_file);
  const std::string name = printable(command.token_name);
  if (!opened.tokens.remove(command.token_name)) {
    tell(opened.path.string() + " has no token " + name);
    return exit_found;
  }
  save(opened);
  tell("token " + name + " is revoked in " + opened.path.string());
  return exit_ok;
}

}  // namespace

int run_token_command(const Command& command) {
  switch (command.token_action) {
    case TokenAction::create:
      return create(command);
    case TokenAction::list:
      return list(command);
    case TokenAction::revoke:
      return revoke(command);
  }
  return exit_bug;
}

}  // namespace entrepot::app
