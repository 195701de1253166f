// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/command/service_user.h"

#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <exception>
#include <optional>
#include <system_error>

#include "conf/load.h"

namespace entrepot::app {
namespace {

struct User {
  uid_t id = 0;
  gid_t group = 0;
  std::string name;
};

std::optional<User> owner_of(const std::filesystem::path& directory) {
  struct stat status {};
  if (::stat(directory.c_str(), &status) != 0 || status.st_uid == 0) return std::nullopt;
  User user{status.st_uid, status.st_gid, std::to_string(status.st_uid)};
  // NOLINTNEXTLINE(concurrency-mt-unsafe): there is no other thread yet
  if (const auto* entry = ::getpwuid(user.id)) {
    user.group = entry->pw_gid;
    user.name = entry->pw_name;
  }
  return user;
}

/// The process is that of another user while this exists, as far as files are concerned.
class ActAs {
 public:
  /// Throws std::system_error if the process may not (no CAP_SETUID or CAP_SETGID, or a user
  /// namespace without this user); nothing has changed then.
  explicit ActAs(const User& user)
      : group_(::getegid()), groups_(static_cast<std::size_t>(::getgroups(0, nullptr))) {
    if (::getgroups(static_cast<int>(groups_.size()), groups_.data()) < 0)
      throw std::system_error(errno, std::generic_category(), "cannot read the own groups");
    // A user without an entry has no other groups.
    has_groups_ = ::initgroups(user.name.c_str(), user.group) == 0 || ::setgroups(0, nullptr) == 0;
    has_group_ = has_groups_ && ::setegid(user.group) == 0;
    has_user_ = has_group_ && ::seteuid(user.id) == 0;
    if (has_user_) return;
    const int error = errno;
    restore();
    throw std::system_error(error, std::generic_category(), "cannot become " + user.name);
  }
  ~ActAs() { restore(); }
  ActAs(const ActAs&) = delete;
  ActAs& operator=(const ActAs&) = delete;

 private:
  void restore() const {
    if ((has_user_ && ::seteuid(0) != 0) || (has_group_ && ::setegid(group_) != 0) ||
        (has_groups_ && ::setgroups(groups_.size(), groups_.data()) != 0))
      std::terminate();  // never go on with the rights of another user
  }

  const gid_t group_;
  std::vector<gid_t> groups_;
  // The steps that restore() undoes.
  bool has_groups_ = false, has_group_ = false, has_user_ = false;
};

void add_lines(const std::function<void()>& read, std::vector<std::string>& lines) {
  try {
    read();
  } catch (const conf::ConfigError& error) {
    lines.insert(lines.end(), error.lines().begin(), error.lines().end());
  } catch (const std::exception& error) {
    lines.emplace_back(error.what());
  }
}

}  // namespace

std::vector<std::string> faults_for_service(const std::filesystem::path& cache,
                                            const std::filesystem::path& credentials,
                                            const std::vector<std::function<void()>>& reads) {
  if (::geteuid() != 0) return {};
  const auto user = owner_of(cache);
  if (!user) return {};
  std::vector<std::string> lines;
  {
    const ActAs other(*user);
    for (const auto& read : reads) add_lines(read, lines);
  }
  const std::string handed = credentials.string() + "/";
  std::erase_if(lines, [&](const std::string& line) { return line.find(handed) != line.npos; });
  for (auto& line : lines)
    line += "; the service runs as " + user->name +
            ", who owns cache.directory: let this user read it, or put it into " +
            credentials.string();
  return lines;
}

}  // namespace entrepot::app
