// SPDX-License-Identifier: Apache-2.0
#include "conf/file_content.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace entrepot::conf {
namespace {

/// False after an error, with its number in errno.
bool read_all(int fd, std::string& bytes) {
  std::size_t filled = 0;
  ssize_t size = 0;
  while (filled < bytes.size() &&
         ((size = ::read(fd, bytes.data() + filled, bytes.size() - filled)) > 0 ||
          (size < 0 && errno == EINTR)))
    if (size > 0) filled += static_cast<std::size_t>(size);
  bytes.resize(filled);
  return size >= 0;
}

}  // namespace

std::optional<FileContent> read_file(const std::filesystem::path& file, std::size_t most,
                                     const std::string& path, Problems& problems) {
  const auto cannot_read = [&] {
    problems.error(path,
                   "cannot read " + file.string() + ": " + std::generic_category().message(errno));
  };
  const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (fd < 0) {
    cannot_read();
    return std::nullopt;
  }
  struct stat status {};
  std::optional<FileContent> content;
  if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
    problems.error(path, file.string() + " is not a file");
  } else {
    content = FileContent{std::string(most, '\0'), (status.st_mode & S_IROTH) != 0};
    if (!read_all(fd, content->bytes)) {
      cannot_read();
      content.reset();
    }
  }
  ::close(fd);
  return content;
}

}  // namespace entrepot::conf
