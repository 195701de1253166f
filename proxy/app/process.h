// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace entrepot::app {

/// What a server process asks of the kernel, once, on the main thread before any other thread: as
/// many descriptors as it may have, no core files or tracers that would see credentials, no death
/// by a closed pipe, and files that only its own user can read.
void prepare_process();

}  // namespace entrepot::app
