// SPDX-License-Identifier: Apache-2.0
// A new file is written beside, synced, and then put in place: by rename() over what was there,
// which a hard link has given its second name, the backup's, just before; or by link(), which
// overwrites nothing, where nothing was there.
#include "proxy/app/engines/files/replaced_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>

namespace entrepot::app {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t longest_file = 4 << 20;
constexpr int most_backups = 1000;

/// Throws std::system_error if a retry may succeed (exit code 75), else std::runtime_error (78).
[[noreturn]] void fail(int error, const std::string& what) {
  const bool later = error == ENOSPC || error == EDQUOT || error == ENOMEM || error == EMFILE ||
                     error == ENFILE || error == EAGAIN || error == EINTR;
  if (later) throw std::system_error(error, std::generic_category(), what);
  const bool denied = error == EACCES || error == EPERM;
  throw std::runtime_error(what + ": " + std::generic_category().message(error) +
                           (denied && ::geteuid() != 0 ? "; run it as root" : ""));
}

[[noreturn]] void fail_changed(const fs::path& file) {
  throw std::system_error(std::make_error_code(std::errc::device_or_resource_busy),
                          file.string() + " was changed by another hand just now; try again");
}

/// Closed at the end of its scope.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  operator int() const { return fd_; }

 private:
  const int fd_;
};

/// A name that is taken away again, unless it is kept.
class Tentative {
 public:
  explicit Tentative(fs::path name) : name_(std::move(name)) {}
  ~Tentative() {
    if (!kept_) ::unlink(name_.c_str());
  }
  Tentative(const Tentative&) = delete;
  Tentative& operator=(const Tentative&) = delete;
  const fs::path& name() const { return name_; }
  void keep() { kept_ = true; }

 private:
  const fs::path name_;
  bool kept_ = false;
};

void write_all(int fd, std::string_view content, const fs::path& file) {
  while (!content.empty()) {
    const ssize_t written = ::write(fd, content.data(), content.size());
    if (written < 0 && errno != EINTR) fail(errno, "cannot write beside " + file.string());
    if (written > 0) content.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::fsync(fd) != 0) fail(errno, "cannot write beside " + file.string());
}

/// Copies the mode and owner of the existing file.
void take_mode_and_owner(int fd, const fs::path& file, const Replacement& replacement) {
  struct stat status {};
  const bool found = ::stat(file.c_str(), &status) == 0;
  const mode_t mode =
      found && replacement.keep_mode ? status.st_mode & 07777 : replacement.mode_of_new_file;
  if ((found && ::fchown(fd, status.st_uid, status.st_gid) != 0) || ::fchmod(fd, mode) != 0)
    fail(errno, "cannot give another " + file.string() + " its owner and mode");
}

fs::path write_beside(const fs::path& file, std::string_view content,
                      const Replacement& replacement) {
  std::string name = (file.parent_path() / ("." + file.filename().string() + ".XXXXXX")).string();
  const Descriptor fd(::mkostemp(name.data(), O_CLOEXEC));
  if (fd < 0) fail(errno, "cannot write " + file.string());
  Tentative made{name};
  write_all(fd, content, file);
  take_mode_and_owner(fd, file, replacement);
  made.keep();
  return name;
}

/// The file under a second name.
fs::path link_backup(const fs::path& file) {
  const auto name = file.string() + ".entrepot-backup";
  for (int number = 1; number < most_backups; ++number) {
    const auto backup = number == 1 ? name : name + "." + std::to_string(number);
    if (::link(file.c_str(), backup.c_str()) == 0) return backup;
    if (errno != EEXIST) fail(errno, "cannot keep " + file.string() + " as " + backup);
  }
  throw std::runtime_error("too many backups beside " + file.string() + "; remove some");
}

void sync_folder(const fs::path& folder) {
  const Descriptor fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd < 0 || ::fsync(fd) != 0) fail(errno, "cannot sync " + folder.string());
}

}  // namespace

fs::path path_below(const fs::path& root, const fs::path& path) {
  std::error_code error;
  const auto top = fs::weakly_canonical(fs::absolute(root), error);
  if (error) fail(error.value(), "cannot look at " + root.string());
  const auto file = top / path.relative_path();
  auto real = fs::weakly_canonical(file, error);
  if (error) fail(error.value(), "cannot look at " + file.string());
  if (fs::is_symlink(fs::symlink_status(real, error)))
    throw std::runtime_error(file.string() + " is a link to nothing");
  const auto below = real.lexically_relative(top);
  if (below.empty() || *below.begin() == "..")
    throw std::runtime_error(file.string() + " leads out of " + top.string() + ", to " +
                             real.string());
  return real;
}

std::optional<std::string> content_of_file(const fs::path& file) {
  const Descriptor fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) return std::nullopt;
  struct stat status {};
  if (fd < 0 || ::fstat(fd, &status) != 0) fail(errno, "cannot read " + file.string());
  if (!S_ISREG(status.st_mode)) throw std::runtime_error(file.string() + " is not a file");
  std::string content(longest_file + 1, '\0');
  std::size_t filled = 0;
  while (filled < content.size()) {
    const ssize_t size = ::read(fd, content.data() + filled, content.size() - filled);
    if (size < 0) fail(errno, "cannot read " + file.string());
    if (size == 0) break;
    filled += static_cast<std::size_t>(size);
  }
  if (filled > longest_file) throw std::runtime_error(file.string() + " is larger than 4 MiB");
  content.resize(filled);
  return content;
}

std::optional<fs::path> replace_file(const fs::path& file, const std::optional<std::string>& before,
                                     std::string_view content, const Replacement& replacement) {
  std::error_code error;
  fs::create_directories(file.parent_path(), error);
  if (error) fail(error.value(), "cannot make " + file.parent_path().string());
  Tentative beside{write_beside(file, content, replacement)};
  if (!before) {
    if (::link(beside.name().c_str(), file.c_str()) != 0) {
      if (errno == EEXIST) fail_changed(file);
      fail(errno, "cannot write " + file.string());
    }
    sync_folder(file.parent_path());
    return std::nullopt;
  }
  Tentative backup{link_backup(file)};
  if (content_of_file(backup.name()) != before) fail_changed(file);
  if (::rename(beside.name().c_str(), file.c_str()) != 0)
    fail(errno, "cannot replace " + file.string());
  beside.keep();
  if (replacement.keep_backup) backup.keep();
  sync_folder(file.parent_path());
  return replacement.keep_backup ? std::optional(backup.name()) : std::nullopt;
}

void remove_file(const fs::path& file, std::string_view before) {
  if (content_of_file(file) != before) fail_changed(file);
  if (::unlink(file.c_str()) != 0) fail(errno, "cannot remove " + file.string());
  sync_folder(file.parent_path());
}

void restore_file(const fs::path& file, std::string_view before, const fs::path& backup) {
  if (content_of_file(file) != before) fail_changed(file);
  if (::rename(backup.c_str(), file.c_str()) != 0)
    fail(errno, "cannot put " + backup.string() + " in the place of " + file.string());
  sync_folder(file.parent_path());
}

}  // namespace entrepot::app
