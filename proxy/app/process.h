// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

namespace entrepot::app {

/// Opens stdin, stdout and stderr on /dev/null if they are closed: otherwise the first file or
/// socket would get their number, and messages for stderr would be written into it. Call first.
void open_standard_descriptors();

/// Prepares the process of a server, once, on the main thread before any other thread: the highest
/// limit of descriptors; no core files and no tracers, which would see credentials; no SIGPIPE; new
/// files for the own user only; one arena of the allocator, because memory that one thread
/// allocates and another frees, as the loops and the index do, would accumulate in an arena per
/// thread.
void prepare_process();

/// If root starts the process and another user owns the directory, changes to that user, who could
/// not open files of root in it. Does nothing for other users, or if the directory does not exist.
/// Main thread, before any other. Throws std::system_error.
void become_owner_of(const std::filesystem::path& directory);

/// Removes the pages of code and constants of the program and its libraries from resident memory:
/// the start has read most of them, and the kernel maps sixteen for each page that is touched. A
/// page that is needed again comes from the page cache by a fault of about a microsecond.
/// Breakpoints that a debugger has set are lost. Any thread.
void drop_startup_pages();

}  // namespace entrepot::app
