// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace entrepot::app {

// The values of sysexits.h; docs/operations.md describes them.
inline constexpr int exit_ok = 0;
/// `entrepot cache`: what was asked for is not there, or a check has found something.
/// `entrepot health`: the process is not well.
inline constexpr int exit_found = 1;
/// The command line was not understood.
inline constexpr int exit_usage = 64;
/// A bug in this program (metrics/check.h ends with it too).
inline constexpr int exit_bug = 70;
/// What is in the way may go away by itself: start again later. The address is in use, the cache
/// directory is locked by another process, no thread could be made; or this process
/// cannot write its index any more and the next one can.
inline constexpr int exit_restart = 75;
/// The operator must change something: the configuration, or the cache directory it names.
inline constexpr int exit_config = 78;

}  // namespace entrepot::app
