// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "proxy/app/engines/setup/engine_setup.h"

namespace entrepot::app {

inline const ClientMirror here = client_mirror("http://127.0.0.1:5000");
inline const ClientMirror there = client_mirror("http://10.0.0.5:5000");
inline const ClientMirror secure = client_mirror("https://mirror.example");
inline const std::vector<ClientRegistry> all_registries = {
    {"docker.io", "https://registry-1.docker.io", "docker.io"},
    {"corp:5000", "http://corp:5000", "corp"}};

inline const std::string of_containerd =
    "# Written by entrepot client-config, which leaves it alone once it is edited.\n"
    "server = \"https://registry-1.docker.io\"\n"
    "\n"
    "[host.\"http://10.0.0.5:5000\"]\n"
    "  capabilities = [\"pull\", \"resolve\"]\n";

/// A second run leaves a merged file unchanged.
inline Merged merged(const EngineFile& file, std::string_view existing, bool ours = false) {
  auto result = file.merge(existing, ours);
  if (result.outcome == Merged::Outcome::changed) {
    EXPECT_EQ(file.merge(result.text, true).outcome, Merged::Outcome::unchanged) << result.text;
  }
  return result;
}

}  // namespace entrepot::app
