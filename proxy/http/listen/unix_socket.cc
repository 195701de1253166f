// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/listen/unix_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "proxy/base/descriptor.h"

namespace entrepot::http {
namespace {

constexpr std::string_view scheme = "unix:";
constexpr const char* in_use = "another process listens on it";

std::string reason(int error) { return std::generic_category().message(error); }

std::string explain(int error, const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  switch (error) {
    case ENOENT:
      return "the directory " + folder +
             " does not exist; create it, or let systemd do so (RuntimeDirectory=)";
    case ENOTDIR:
      return folder + " is not a directory";
    case EACCES:
    case EPERM:
      return "no permission to create a socket in " + folder;
    case EROFS:
      return folder +
             " is on a read-only file system (in a unit of systemd: RuntimeDirectory= or "
             "ReadWritePaths=)";
    case EADDRINUSE:
      return in_use;
    default:
      return reason(error);
  }
}

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (!path.starts_with('/')) throw UnixSocketError("the path is not absolute");
  if (path.size() >= sizeof(address.sun_path))
    throw UnixSocketError("the path has more than " + std::to_string(sizeof(address.sun_path) - 1) +
                          " bytes");
  path.copy(address.sun_path, path.size());
  return address;
}

int new_socket() {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) throw UnixSocketError(reason(errno));
  return fd;
}

const sockaddr* generic(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

/// The error of connect(); 0: a process has accepted or will.
int error_of_connect(const sockaddr_un& address) {
  const Descriptor probe(new_socket());
  return ::connect(probe.get(), generic(address), sizeof(address)) == 0 ? 0 : errno;
}

bool same_file(const struct stat& one, const struct stat& other) {
  return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

void remove_dead_socket(const std::string& path, const sockaddr_un& address) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0) {
    if (errno == ENOENT) return;
    throw UnixSocketError(explain(errno, path));
  }
  // connect() refuses a regular file as it refuses a dead socket.
  if (!S_ISSOCK(found.st_mode))
    throw UnixSocketError("a file that is not a socket is there; remove it, or give another path");
  const int error = error_of_connect(address);
  if (error == ENOENT) return;
  // EAGAIN: its queue is full. EPROTOTYPE: it receives datagrams.
  if (error == 0 || error == EAGAIN || error == EPROTOTYPE) throw UnixSocketError(in_use);
  if (error != ECONNREFUSED)
    throw UnixSocketError("a socket is there, and whether a process listens on it is unknown: " +
                          reason(error));
  struct stat now {};
  if (::lstat(path.c_str(), &now) != 0 || !same_file(found, now)) return;
  if (::unlink(path.c_str()) != 0 && errno != ENOENT)
    throw UnixSocketError("cannot remove the socket of a process that has ended: " + reason(errno));
}

}  // namespace

std::optional<std::string> socket_path(std::string_view address) {
  if (!address.starts_with(scheme)) return std::nullopt;
  return std::string(address.substr(scheme.size()));
}

SocketFile::SocketFile(std::string path) : path_(std::move(path)) {
  struct stat status {};
  if (::lstat(path_.c_str(), &status) != 0) path_.clear();  // removed already
  device_ = status.st_dev;
  inode_ = status.st_ino;
}

SocketFile::SocketFile(SocketFile&& other) noexcept
    : path_(std::exchange(other.path_, {})), device_(other.device_), inode_(other.inode_) {}

void SocketFile::remove() {
  const std::string path = std::exchange(path_, {});
  struct stat now {};
  if (path.empty() || ::lstat(path.c_str(), &now) != 0) return;
  if (now.st_dev == device_ && now.st_ino == inode_) ::unlink(path.c_str());
}

UnixSocket listen_on_unix(const std::string& path, mode_t mode, int backlog) {
  const sockaddr_un address = address_of(path);
  remove_dead_socket(path, address);
  Descriptor socket(new_socket());
  // bind() gives the file the mode of the socket, less the umask. The rest of the mode follows
  // before listen(): until then, connect() is refused.
  if (::fchmod(socket.get(), mode) != 0) throw UnixSocketError(reason(errno));
  if (::bind(socket.get(), generic(address), sizeof(address)) != 0)
    throw UnixSocketError(explain(errno, path));
  SocketFile file(path);
  if (::chmod(path.c_str(), mode) != 0 || ::listen(socket.get(), backlog) != 0)
    throw UnixSocketError(reason(errno));
  return {socket.release(), std::move(file)};
}

}  // namespace entrepot::http
