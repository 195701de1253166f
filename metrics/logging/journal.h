// SPDX-License-Identifier: Apache-2.0
// The journal of systemd: each line on stderr may begin with its priority, sd-daemon(3), and the
// journal notes the time itself.
#pragma once

#include <spdlog/common.h>

#include <string_view>

namespace entrepot::log {

/// True if `fd` is connected to the journal: device and inode are those of JOURNAL_STREAM
/// (systemd.exec(5)). Reads the environment, so call it before other threads change it.
bool is_journal(int fd);

/// The prefix of a line of this level: "<3>" for an error. Static storage.
std::string_view priority(spdlog::level::level_enum level);

}  // namespace entrepot::log
