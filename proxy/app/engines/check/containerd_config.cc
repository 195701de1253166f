// SPDX-License-Identifier: Apache-2.0
// The rules are those of containerd's loader (cmd/containerd/server/config): an import is a path or
// a pattern, relative to the file that names it; imports are read after the files that name them,
// and a table of `plugins` replaces the one of an earlier file as a whole.
#include "proxy/app/engines/check/containerd_config.h"

#include <algorithm>
#include <deque>
#include <set>

namespace entrepot::app {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_files = 100;

/// The table of the image service in one file, and whether the file has one.
const Document& image_plugin(const Document& file) {
  const auto& plugins = member(file, "plugins");
  const auto& version = member(file, "version");
  const auto& third = member(plugins, "io.containerd.cri.v1.images");
  if (version.is_number_integer() && version.get<std::int64_t>() >= 3) return third;
  const auto& second = member(plugins, "io.containerd.grpc.v1.cri");
  if (!second.is_null()) return second;
  const auto& first = member(plugins, "cri");
  return first.is_null() ? third : first;
}

void take(const Document& document, const fs::path& file, CriRegistry& result) {
  const auto& plugin = image_plugin(document);
  if (!plugin.is_object()) return;
  const auto& registry = member(plugin, "registry");
  const auto& version = member(document, "version");
  result.config_path = text_of(member(registry, "config_path"));
  result.file = file;
  result.has_mirrors = !member(registry, "mirrors").empty();
  result.client_pulls = is_true(member(plugin, "use_local_image_pull")) ||
                        is_true(member(plugin, "discard_unpacked_layers")) ||
                        is_true(member(member(plugin, "containerd"), "discard_unpacked_layers"));
  result.version_3 = version.is_number_integer() && version.get<std::int64_t>() >= 3;
}

}  // namespace

CriRegistry read_cri_registry(const System& system, const fs::path& main) {
  CriRegistry result;
  result.file = main;
  std::deque<fs::path> waiting = {main};
  std::set<fs::path> seen;
  while (!waiting.empty() && seen.size() < most_files) {
    const auto file = waiting.front();
    waiting.pop_front();
    if (!seen.insert(file).second) continue;
    const auto document = system.document(file, DocumentFormat::toml);
    if (!document) {
      result.unseen.push_back(file.string());
      continue;
    }
    take(*document, file, result);
    for (const auto& import : member(*document, "imports")) {
      const auto path = (file.parent_path() / text_of(import)).lexically_normal();
      if (path.string().find_first_of("*?[") == std::string::npos) {
        waiting.push_back(path);
        continue;
      }
      const auto found = system.matching(path);
      if (!found) result.unseen.push_back(path.string());
      if (found) waiting.insert(waiting.end(), found->begin(), found->end());
    }
  }
  return result;
}

}  // namespace entrepot::app
