// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "metrics/word_table.h"

namespace entrepot::app {

/// The engines that `entrepot client-config` knows.
enum class Engine : std::uint8_t { docker, containerd, podman, k3s, rke2, buildkit };

}  // namespace entrepot::app

namespace entrepot::metrics {

template <>
inline constexpr auto words<app::Engine> = make_words<app::Engine>({
    {app::Engine::docker, "docker"},
    {app::Engine::containerd, "containerd"},
    {app::Engine::podman, "podman"},
    {app::Engine::k3s, "k3s"},
    {app::Engine::rke2, "rke2"},
    {app::Engine::buildkit, "buildkit"},
});

}  // namespace entrepot::metrics
