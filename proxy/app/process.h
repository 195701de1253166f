// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

namespace entrepot::app {

/// Opens those of stdin, stdout and stderr that are closed on /dev/null: the first file or socket
/// that is opened would get the number, and what is said on stderr would go into it. First thing of
/// the process.
void open_standard_descriptors();

/// What a server process asks of its surroundings, once, on the main thread before any other
/// thread: as many descriptors as it may have, no core files or tracers that would see credentials,
/// no death by a closed pipe, and files that only its own user can read. Of the allocator it asks
/// not to keep an arena for each thread: what is freed by another thread than took it (the index's
/// and the loops' everyday) would lie about in all of them.
void prepare_process();

/// Root goes on as the owner of a directory that is another user's: the files that are made in it
/// are to be that user's, who could not open them otherwise. Everyone else, and where it is not
/// there: nothing. Main thread, before any other. Throws std::system_error.
void become_owner_of(const std::filesystem::path& directory);

/// Takes the pages of code and constants out of this process's resident memory, its own and the
/// libraries': most of them were read by the start alone, and the kernel brings sixteen for each
/// that is touched. Whoever needs one again finds it in the page cache, for a fault of a
/// microsecond; a debugger's breakpoints that were set before are gone. Any thread.
void drop_startup_pages();

}  // namespace entrepot::app
