// SPDX-License-Identifier: Apache-2.0
#include "proxy/registry/reply/client_kind.h"

#include <algorithm>
#include <array>
#include <utility>

#include "proxy/base/text.h"

namespace entrepot::registry {
namespace {

using metrics::ClientNetwork;
using metrics::Engine;

constexpr std::size_t most_read = 512;

/// Names of products. docs/engines.md has those that were seen on the wire.
constexpr auto products = std::to_array<std::pair<std::string_view, Engine>>({
    {"containerd", Engine::containerd},
    {"docker", Engine::docker},
    {"buildkit", Engine::buildkit},
    {"cri-o", Engine::cri_o},
    {"buildah", Engine::buildah},
    {"skopeo", Engine::skopeo},
    {"containers", Engine::containers},
    {"crane", Engine::crane},
    {"oras", Engine::oras},
    {"oras-go", Engine::oras},
    {"helm", Engine::helm},
    {"kaniko", Engine::kaniko},
    {"cosign", Engine::cosign},
    {"apptainer", Engine::apptainer},
    {"singularity", Engine::apptainer},
    {"entrepot", Engine::entrepot},
});

Engine engine_of_product(std::string_view product) {
  const std::string_view name = product.substr(0, product.find('/'));
  const auto found = std::find_if(products.begin(), products.end(), [name](const auto& known) {
    return equals_ignoring_case(known.first, name);
  });
  return found == products.end() ? Engine::other : found->second;
}

bool is_local_v4(std::uint8_t first, std::uint8_t second) {
  return first == 10 || (first == 172 && (second & 0xf0) == 16) ||
         (first == 192 && second == 168) ||          // RFC 1918
         (first == 100 && (second & 0xc0) == 64) ||  // RFC 6598
         (first == 169 && second == 254);            // RFC 3927
}

}  // namespace

Engine engine_of(std::string_view user_agent) {
  std::string_view rest = trim(user_agent.substr(0, most_read));
  const Engine engine = engine_of_product(rest.substr(0, rest.find(' ')));
  if (engine != Engine::other) return engine;
  // Programs with this library put their own name first, if they have one.
  return rest.find("go-containerregistry") == rest.npos ? Engine::other : Engine::crane;
}

std::string_view own_name(const std::vector<std::string>& names) {
  for (const std::string_view kind : {"CN=", "URI=", "DNS=", "EMAIL=", "SERIAL="})
    for (const std::string& name : names)
      if (name.starts_with(kind)) return name;
  return {};
}

ClientNetwork network_of(const http::Peer& peer) {
  if (peer.uid) return ClientNetwork::host;
  if (!peer.ip.known()) return ClientNetwork::unknown;
  const auto& bytes = peer.ip.bytes();
  if (peer.ip.is_v4()) {
    if (bytes[12] == 127) return ClientNetwork::host;
    return is_local_v4(bytes[12], bytes[13]) ? ClientNetwork::local : ClientNetwork::global;
  }
  const bool is_loopback =
      bytes[15] == 1 && std::all_of(bytes.begin(), bytes.end() - 1, [](auto b) { return b == 0; });
  if (is_loopback) return ClientNetwork::host;
  const bool unique_local = (bytes[0] & 0xfe) == 0xfc;                    // RFC 4193
  const bool link_local = bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80;  // RFC 4291
  return unique_local || link_local ? ClientNetwork::local : ClientNetwork::global;
}

}  // namespace entrepot::registry
