// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <thread>

namespace entrepot::loop {

/// Starts a thread called `name` (at most 15 characters) that blocks every signal, so that signals
/// reach the main thread and interrupt no system call here.
std::thread start_thread(const std::string& name, std::function<void()> body);

}  // namespace entrepot::loop
