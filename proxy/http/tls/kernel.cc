// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/tls/kernel.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace entrepot::http::tls {
namespace {

/// A socket without a peer cannot have TLS: the kernel reports that (ENOTCONN) only after it has
/// found the module.
bool ask_kernel() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const bool set = ::setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", sizeof("tls")) == 0;
  const bool present = set || errno == ENOTCONN;
  ::close(fd);
  return present;
}

}  // namespace

bool kernel_has_tls() {
  static const bool present = ask_kernel();
  return present;
}

}  // namespace entrepot::http::tls
