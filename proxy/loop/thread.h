// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <thread>

namespace entrepot::loop {

/// Starts a thread named `name` (at most 15 characters) that blocks every signal, so that signals
/// reach the main thread and interrupt no system call of this one. Throws std::system_error, naming
/// the thread, on failure.
std::thread start_thread(const std::string& name, std::function<void()> body);

/// Starts and ends `count` threads. Throws std::system_error if the system cannot run that many at
/// once. Call it before using a library that aborts or hangs without threads, such as RocksDB 7.8
/// when it opens its tables.
void require_threads(std::size_t count);

}  // namespace entrepot::loop
