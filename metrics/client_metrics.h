// SPDX-License-Identifier: Apache-2.0
// Use of the mirror: the programs of clients, their networks, and the limits that they reach.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "metrics/handles.h"
#include "metrics/reasons.h"
#include "metrics/word_table.h"

namespace entrepot::metrics {

class Exposition;

/// The program of a client, by its User-Agent: label `engine`.
enum class Engine : std::uint8_t {
  docker,
  containerd,
  buildkit,
  cri_o,
  buildah,
  skopeo,
  containers,  ///< podman, or another program that names only the library containers/image
  crane,       ///< or another program with go-containerregistry
  oras,
  helm,
  kaniko,
  cosign,
  apptainer,
  entrepot,  ///< another mirror
  other,
};

/// The network of a client: label `network`.
enum class ClientNetwork : std::uint8_t {
  host,     ///< this machine: a loopback address or a unix socket
  local,    ///< an address that the Internet does not route (RFC 1918, RFC 4193, RFC 6598, …)
  global,   ///< any other address
  unknown,  ///< the address is not known
};

template <>
inline constexpr auto words<Engine> = make_words<Engine>({
    {Engine::docker, "docker"},
    {Engine::containerd, "containerd"},
    {Engine::buildkit, "buildkit"},
    {Engine::cri_o, "cri-o"},
    {Engine::buildah, "buildah"},
    {Engine::skopeo, "skopeo"},
    {Engine::containers, "containers"},
    {Engine::crane, "crane"},
    {Engine::oras, "oras"},
    {Engine::helm, "helm"},
    {Engine::kaniko, "kaniko"},
    {Engine::cosign, "cosign"},
    {Engine::apptainer, "apptainer"},
    {Engine::entrepot, "entrepot"},
    {Engine::other, "other"},
});

template <>
inline constexpr auto words<ClientNetwork> = make_words<ClientNetwork>({
    {ClientNetwork::host, "host"},
    {ClientNetwork::local, "local"},
    {ClientNetwork::global, "global"},
    {ClientNetwork::unknown, "unknown"},
});

/// Requests of clients, whatever they name. A copy counts into the same series. Thread-safe.
class ClientMetrics {
 public:
  using Time = std::chrono::steady_clock::time_point;

  ClientMetrics();

  /// entrepot_last_request_timestamp_seconds: a client has requested content at `now`. True for the
  /// first request of a network since the start, or since the UTC day of its last one has ended.
  bool requested(Engine engine, ClientNetwork network, Time now) const;
  /// The rule of that: true once for each network and day. After a clock that was ahead has been
  /// corrected, days count again.
  bool begins_day(ClientNetwork network, std::chrono::sys_days day) const;
  /// The latest of these requests; nullopt if there was none.
  struct Latest {
    Engine engine;
    ClientNetwork network;
    std::chrono::seconds ago;
  };
  std::optional<Latest> latest(Time now) const;
  /// entrepot_clients_limited_total.
  Counter limited(ClientLimit limit) const;

 private:
  friend class Metrics;
  void write(Exposition& out) const;

  struct Series;
  std::shared_ptr<Series> series_;
};

}  // namespace entrepot::metrics
