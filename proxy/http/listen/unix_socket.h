// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace entrepot::http {

/// The path in "unix:/run/entrepot/mirror.sock"; nullopt for another kind of address.
std::optional<std::string> socket_path(std::string_view address);

/// Listening on a unix socket failed. what() is the reason without the path.
class UnixSocketError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The file that bind() has made for a unix socket. The destructor removes it. One thread at a
/// time. Moved, not copied.
class SocketFile {
 public:
  /// Takes over the file at `path`, which the caller or the process before it has bound.
  explicit SocketFile(std::string path);
  SocketFile(SocketFile&& other) noexcept;
  SocketFile& operator=(SocketFile&&) = delete;
  ~SocketFile() { remove(); }

  /// Removes the file, unless another process has put its own in that place. Call it while the
  /// socket is open: until then the kernel keeps the inode, whose number no other file can get, and
  /// another Entrepot finds that this one listens, and leaves the file alone.
  void remove();
  /// Leaves the file to another process that listens on the socket.
  void leave() { path_.clear(); }

 private:
  std::string path_;  // empty: removed or moved
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

struct UnixSocket {
  int fd;  ///< non-blocking, listening; the caller closes it
  SocketFile file;
};

/// Listens on `path`, an absolute path of at most 107 bytes (sun_path, unix(7)), with the
/// permission bits `mode` whatever the umask is; the file never has more. Removes the socket of a
/// process that has ended first. Throws UnixSocketError; also if a process listens on `path`, or a
/// file that is no socket is there, which is never removed.
///
/// Two processes that start at the same moment and find the same dead socket may both listen, one
/// of them on a socket without a name. The lock of the cache excludes that for one configuration.
UnixSocket listen_on_unix(const std::string& path, mode_t mode, int backlog);

}  // namespace entrepot::http
