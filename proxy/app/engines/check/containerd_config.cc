// SPDX-License-Identifier: Apache-2.0
// The rules are those of containerd's loader (cmd/containerd/server/config): an import is a path
// or, with an asterisk, a pattern, relative to the file that names it; imports are read after the
// files that name them. Their tables of `plugins` replace those of earlier files as a whole
// (containerd 1) or value by value (since 2.0).
#include "proxy/app/engines/check/containerd_config.h"

#include <algorithm>
#include <deque>
#include <set>

namespace entrepot::app {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_files = 100;

bool is_version_3(const Document& file) {
  const auto& version = member(file, "version");
  return version.is_number_integer() && version.get<std::int64_t>() >= 3;
}

/// The table of the image service in one file; null if the file has none.
const Document& image_plugin(const Document& file) {
  const auto& plugins = member(file, "plugins");
  const auto& third = member(plugins, "io.containerd.cri.v1.images");
  if (is_version_3(file)) return third;
  const auto& second = member(plugins, "io.containerd.grpc.v1.cri");
  if (!second.is_null()) return second;
  const auto& first = member(plugins, "cri");
  return first.is_null() ? third : first;
}

/// The settings of a table that `file` has, in its format.
CriRegistry registry_of(const Document& plugin, const fs::path& file, const Document& document) {
  const auto& registry = member(plugin, "registry");
  return {.config_path = text_of(member(registry, "config_path")),
          .file = file,
          .has_mirrors = !member(registry, "mirrors").empty(),
          .client_pulls = is_true(member(plugin, "use_local_image_pull")) ||
                          is_true(member(plugin, "discard_unpacked_layers")) ||
                          is_true(member(member(plugin, "containerd"), "discard_unpacked_layers")),
          .version_3 = is_version_3(document)};
}

}  // namespace

ContainerdFiles read_containerd_files(const System& system, const fs::path& main) {
  ContainerdFiles result{.main = main};
  std::deque<fs::path> waiting = {main};
  std::set<fs::path> seen;
  while (!waiting.empty() && seen.size() < most_files) {
    const auto file = waiting.front();
    waiting.pop_front();
    if (!seen.insert(file).second) continue;
    auto document = system.document(file, DocumentFormat::toml);
    if (!document) {
      result.unseen.push_back(file.string());
      continue;
    }
    for (const auto& import : member(*document, "imports")) {
      const auto path = (file.parent_path() / text_of(import)).lexically_normal();
      if (path.string().find('*') == std::string::npos) {
        waiting.push_back(path);
        continue;
      }
      const auto found = system.matching(path);
      if (!found) result.unseen.push_back(path.string());
      if (found) waiting.insert(waiting.end(), found->begin(), found->end());
    }
    result.read.emplace_back(file, *std::move(document));
  }
  return result;
}

bool is_for_containerd_2(const ContainerdFiles& files) {
  return !files.read.empty() && is_version_3(files.read.front().second);
}

CriRegistry registry_of_containerd_1(const ContainerdFiles& files) {
  CriRegistry result{.file = files.main};
  for (const auto& [file, document] : files.read)
    if (const auto& plugin = image_plugin(document); plugin.is_object())
      result = registry_of(plugin, file, document);
  return result;
}

CriRegistry registry_of_containerd_2(const ContainerdFiles& files) {
  CriRegistry result{.file = files.main, .version_3 = is_for_containerd_2(files)};
  Document merged = Document::object();
  for (const auto& [file, document] : files.read) {
    const auto& plugin = image_plugin(document);
    if (!plugin.is_object()) continue;
    merged.update(plugin, /*merge_objects=*/true);
    const bool names_it = !member(member(plugin, "registry"), "config_path").is_null();
    const auto now = registry_of(merged, names_it ? file : result.file, document);
    const bool version_3 = names_it ? now.version_3 : result.version_3;
    result = now;
    result.version_3 = version_3;
  }
  return result;
}

}  // namespace entrepot::app
