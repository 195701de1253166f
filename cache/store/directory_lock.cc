// SPDX-License-Identifier: Apache-2.0
#include "cache/store/directory_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>
#include <string>
#include <system_error>
#include <utility>

#include "cache/base/open_error.h"

namespace entrepot::cache {
namespace {

std::string lock_error(int error) { return std::generic_category().message(error); }

}  // namespace

DirectoryLock::DirectoryLock(const Layout& layout)
    : fd_(::open(layout.lock().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
  const std::string directory = "cache directory " + layout.directory().string() + ": ";
  if (fd_ < 0) {
    const std::string why = directory + lock_error(errno);
    if (errno == ENOSPC) throw OpenLaterError(why);
    throw OpenError(why + "; name a directory this user can write in cache.directory");
  }
  if (::flock(fd_, LOCK_EX | LOCK_NB) == 0) return;
  const int error = errno;
  ::close(fd_);
  if (error == EWOULDBLOCK)
    throw OpenLaterError(directory +
                         "in use by another process; stop that one, replace it (entrepot serve "
                         "--replace), or give this one its own cache.directory");
  throw OpenError(directory + "cannot be locked: " + lock_error(error) +
                  "; use a local file system");
}

DirectoryLock::~DirectoryLock() {
  if (fd_ >= 0) ::close(fd_);
}

void DirectoryLock::release(const std::function<void()>& last) {
  const std::unique_lock lock(mutex_);
  held_ = false;
  last();
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

}  // namespace entrepot::cache
