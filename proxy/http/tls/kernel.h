// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace entrepot::http::tls {

/// Whether the kernel has the module for TLS (`tls`), found out once in the life of the process. If
/// it lacks it, OpenSSL must not ask for each connection: a process of root would make the kernel
/// start modprobe each time. Any thread.
bool kernel_has_tls();

}  // namespace entrepot::http::tls
