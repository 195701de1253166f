// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <thread>

namespace entrepot::loop {

/// Starts a thread called `name` (at most 15 characters) that blocks every signal, so that signals
/// reach the main thread and interrupt no system call here. Throws std::system_error, naming the
/// thread, where none is to be had.
std::thread start_thread(const std::string& name, std::function<void()> body);

/// Throws std::system_error where `count` more threads are not to be had at once. For what comes
/// before a library that ends the process or hangs where it gets none: RocksDB 7.8, when it opens
/// its tables. Starts them, and ends them again.
void expect_threads(std::size_t count);

}  // namespace entrepot::loop
