// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "metrics/word_table.h"

namespace entrepot::app {

/// The engines that `entrepot client-config` knows.
enum class Engine : std::uint8_t {
  docker,
  containerd,
  podman,
  crio,
  k3s,
  rke2,
  buildkit,
  kaniko,
  apptainer,
};

/// The image store of Docker. containerd's image store takes mirrors of every registry, with a
/// login.
enum class DockerStore : std::uint8_t { graphdriver, containerd };

/// The registries for which an engine asks the mirror first.
enum class RegistryScope : std::uint8_t {
  configured,  ///< those that the mirror has
  all,         ///< every registry; the mirror refuses the others
};

}  // namespace entrepot::app

namespace entrepot::metrics {

template <>
inline constexpr auto words<app::Engine> = make_words<app::Engine>({
    {app::Engine::docker, "docker"},
    {app::Engine::containerd, "containerd"},
    {app::Engine::podman, "podman"},
    {app::Engine::crio, "crio"},
    {app::Engine::k3s, "k3s"},
    {app::Engine::rke2, "rke2"},
    {app::Engine::buildkit, "buildkit"},
    {app::Engine::kaniko, "kaniko"},
    {app::Engine::apptainer, "apptainer"},
});

template <>
inline constexpr auto words<app::DockerStore> = make_words<app::DockerStore>({
    {app::DockerStore::graphdriver, "graphdriver"},
    {app::DockerStore::containerd, "containerd"},
});

template <>
inline constexpr auto words<app::RegistryScope> = make_words<app::RegistryScope>({
    {app::RegistryScope::configured, "configured"},
    {app::RegistryScope::all, "all"},
});

}  // namespace entrepot::metrics
