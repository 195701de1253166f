// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/socket/socket.h"

#include <sys/socket.h>

namespace entrepot::http {

void Socket::reset_on_close() {
  const ::linger reset{1, 0};
  setsockopt(fd(), SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
}

}  // namespace entrepot::http
