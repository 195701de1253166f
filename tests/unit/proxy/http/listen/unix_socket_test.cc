// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/listen/unix_socket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <utility>
#include <vector>

#include "tests/unit/proxy/http/listen/socket_directory.h"

namespace entrepot::http {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr int backlog = 16;

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, path.size());
  return address;
}

/// A socket of another process.
int bound(const std::string& path, int type = SOCK_STREAM) {
  const int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
  const sockaddr_un address = address_of(path);
  EXPECT_EQ(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  return fd;
}

/// The descriptor of a client; -1 if it is refused.
int connected(const std::string& path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const sockaddr_un address = address_of(path);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) return fd;
  close(fd);
  return -1;
}

bool answers(const std::string& path) {
  const int fd = connected(path);
  if (fd >= 0) close(fd);
  return fd >= 0;
}

class UnixSocketTest : public testing::Test {
 protected:
  std::string error_of(const std::string& path) {
    try {
      const UnixSocket socket = listen_on_unix(path, 0660, backlog);
      close(socket.fd);
    } catch (const UnixSocketError& error) {
      return error.what();
    }
    return "none";
  }

  SocketDirectory directory_;
  const std::string path_ = directory_.file("mirror.sock");
};

TEST(SocketPath, FollowsTheScheme) {
  EXPECT_EQ(socket_path("unix:/run/a"), "/run/a");
  EXPECT_EQ(socket_path("127.0.0.1:5000"), std::nullopt);
  EXPECT_EQ(socket_path("UNIX:/run/a"), std::nullopt);
}

TEST_F(UnixSocketTest, ListensUntilItIsClosed) {
  {
    const UnixSocket socket = listen_on_unix(path_, 0660, backlog);
    EXPECT_TRUE(answers(path_));
    close(socket.fd);
  }
  EXPECT_FALSE(fs::exists(path_));
}

TEST_F(UnixSocketTest, HasItsModeWithEachUmask) {
  for (const mode_t mask : {0077U, 0U, 0777U}) {
    const mode_t before = umask(mask);
    for (const mode_t mode : {0600U, 0660U, 0666U}) {
      const UnixSocket socket = listen_on_unix(path_, mode, backlog);
      struct stat status {};
      EXPECT_EQ(stat(path_.c_str(), &status), 0);
      EXPECT_EQ(status.st_mode & 07777U, mode) << mask;
      close(socket.fd);
    }
    umask(before);
  }
}

TEST_F(UnixSocketTest, ReplacesTheSocketOfAProcessThatHasEnded) {
  close(bound(path_));
  EXPECT_TRUE(fs::exists(path_));
  const UnixSocket socket = listen_on_unix(path_, 0660, backlog);
  EXPECT_TRUE(answers(path_));
  close(socket.fd);
}

TEST_F(UnixSocketTest, LeavesASocketOnWhichAProcessListens) {
  const int other = bound(path_);
  ASSERT_EQ(listen(other, 0), 0);
  EXPECT_EQ(error_of(path_), "another process listens on it");
  std::vector<int> clients;
  for (int client = connected(path_); client >= 0; client = connected(path_))
    clients.push_back(client);
  EXPECT_EQ(error_of(path_), "another process listens on it") << "its queue is full";
  EXPECT_TRUE(fs::exists(path_));
  for (const int client : clients) close(client);
  close(other);
}

TEST_F(UnixSocketTest, LeavesASocketForDatagrams) {
  const int other = bound(path_, SOCK_DGRAM);
  EXPECT_EQ(error_of(path_), "another process listens on it");
  EXPECT_TRUE(fs::exists(path_));
  close(other);
}

TEST_F(UnixSocketTest, LeavesEveryOtherFile) {
  const std::string file = directory_.file("file"), pipe = directory_.file("pipe"),
                    folder = directory_.file("folder"), dead = directory_.file("dead"),
                    link = directory_.file("link");
  std::ofstream(file) << "content";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  fs::create_directory(folder);
  close(bound(dead));
  fs::create_symlink(dead, link);
  for (const auto& other : {file, pipe, folder, link}) {
    EXPECT_EQ(error_of(other),
              "a file that is not a socket is there; remove it, or give another path");
    EXPECT_TRUE(fs::exists(other)) << other;
  }
  EXPECT_TRUE(fs::exists(dead)) << "reached through a link";
}

TEST_F(UnixSocketTest, NamesTheDirectory) {
  EXPECT_EQ(error_of(directory_.file("absent/mirror.sock")),
            "the directory " + directory_.file("absent") +
                " does not exist; create it, or let systemd do so (RuntimeDirectory=)");
  std::ofstream(directory_.file("file")) << "content";
  EXPECT_EQ(error_of(directory_.file("file/mirror.sock")),
            directory_.file("file") + " is not a directory");
}

TEST_F(UnixSocketTest, RefusesAPathThatDoesNotFit) {
  EXPECT_EQ(error_of("mirror.sock"), "the path is not absolute");
  EXPECT_EQ(error_of("/" + std::string(107, 'x')), "the path has more than 107 bytes");
}

TEST_F(UnixSocketTest, DoesNotRemoveTheFileOfItsSuccessor) {
  UnixSocket first = listen_on_unix(path_, 0660, backlog);
  fs::remove(path_);
  const UnixSocket second = listen_on_unix(path_, 0660, backlog);
  first.file.remove();
  EXPECT_TRUE(answers(path_));
  close(first.fd);
  close(second.fd);
}

TEST_F(UnixSocketTest, TheFileBelongsToWhereItWasMoved) {
  UnixSocket socket = listen_on_unix(path_, 0660, backlog);
  {
    const SocketFile moved(std::move(socket.file));
    socket.file.remove();
    EXPECT_TRUE(answers(path_));
  }
  EXPECT_FALSE(fs::exists(path_));
  close(socket.fd);
}

}  // namespace
}  // namespace entrepot::http
