// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace entrepot::app {

// The values of sysexits.h; docs/operations.md describes them.
inline constexpr int exit_ok = 0;
/// `entrepot cache`: the object does not exist, or a check has found a fault.
/// `entrepot token`: the name exists already (create), or does not exist (revoke).
/// `entrepot access explain`: the client is refused.
/// `entrepot client-config --check`: an engine does not reach the mirror for a registry.
/// `entrepot client-config --check-folder`: containerd does not read it.
/// `entrepot images`: no tag matches the pattern.
/// `entrepot health`, `entrepot status`: the process is not well.
/// `entrepot check --online`: an endpoint is not good.
inline constexpr int exit_found = 1;
/// The command line was not understood.
inline constexpr int exit_usage = 64;
/// A bug in this program (metrics/check.h ends with it too).
inline constexpr int exit_bug = 70;
/// A later start may succeed without a change: the address is in use, another process has locked
/// the cache directory, or no thread could be created. Also: this process can no longer write its
/// index, but the next one can. `entrepot status`: no process answers.
inline constexpr int exit_restart = 75;
/// The operator must change something: the configuration, or the cache directory it names.
inline constexpr int exit_config = 78;

}  // namespace entrepot::app
