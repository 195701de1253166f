// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/socket/output.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "metrics/check.h"

namespace entrepot::http {

bool Output::send_copy(int fd, std::uint64_t offset, std::size_t length,
                       const std::function<bool()>& sound) {
  std::string bytes(length, '\0');
  for (std::size_t got = 0; got < length;) {
    const ssize_t n = pread(fd, bytes.data() + got, length - got, static_cast<off_t>(offset + got));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      file_failed_ = true;
      return false;
    }
    got += static_cast<std::size_t>(n);
  }
  return sound() && write(bytes, {}, false);
}

void Output::reset() {
  check(empty(), "a reply begun before the last one was sent");
  written_ = 0;
}

std::uint64_t Output::acknowledged() const {
  int unacknowledged = 0;
  if (ioctl(fd_, SIOCOUTQ, &unacknowledged) != 0) return sent();
  return sent() - std::min(sent(), static_cast<std::uint64_t>(unacknowledged));
}

}  // namespace entrepot::http
