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

constexpr const char* name_in_format_1 = "cri";
constexpr const char* name_in_format_2 = "io.containerd.grpc.v1.cri";
constexpr const char* name_in_format_3 = "io.containerd.cri.v1.images";

/// The format that a file names; 0: none.
std::int64_t format_of(const Document& file) {
  const auto& version = member(file, "version");
  return version.is_number_integer() ? version.get<std::int64_t>() : 0;
}

/// containerd 1 takes all files in the format that the last one of them names.
std::int64_t format_of_containerd_1(const ContainerdFiles& files) {
  std::int64_t format = 1;
  for (const auto& [file, document] : files.read)
    if (const auto named = format_of(document); named > 0) format = named;
  return format;
}

/// The table of the image service in one file; null if containerd 2 finds none. It takes the names
/// of newer formats in a file of an older one, too.
const Document& image_plugin(const Document& file) {
  const auto& plugins = member(file, "plugins");
  const auto& third = member(plugins, name_in_format_3);
  const auto format = format_of(file);
  if (format >= 3) return third;
  const auto& second = member(plugins, name_in_format_2);
  if (!second.is_null()) return second;
  const auto& first = member(plugins, name_in_format_1);
  return format == 2 || first.is_null() ? third : first;
}

/// The settings of a table that `file` has; `format` is that of its name.
CriRegistry registry_of(const Document& plugin, const fs::path& file, std::int64_t format) {
  const auto& registry = member(plugin, "registry");
  return {.config_path = text_of(member(registry, "config_path")),
          .file = file,
          .has_mirrors = !member(registry, "mirrors").empty(),
          .client_pulls = is_true(member(plugin, "use_local_image_pull")) ||
                          is_true(member(plugin, "discard_unpacked_layers")) ||
                          is_true(member(member(plugin, "containerd"), "discard_unpacked_layers")),
          .format = format};
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
  return !files.read.empty() && format_of(files.read.front().second) >= 3;
}

CriRegistry registry_of_containerd_1(const ContainerdFiles& files) {
  const auto format = format_of_containerd_1(files);
  CriRegistry result{.file = files.main, .format = format};
  const auto* const name = format >= 2 ? name_in_format_2 : name_in_format_1;
  for (const auto& [file, document] : files.read)
    if (const auto& plugin = member(member(document, "plugins"), name); plugin.is_object())
      result = registry_of(plugin, file, format);
  return result;
}

CriRegistry registry_of_containerd_2(const ContainerdFiles& files) {
  CriRegistry result{.file = files.main};
  if (!files.read.empty())
    result.format = std::max<std::int64_t>(format_of(files.read.front().second), 1);
  Document merged = Document::object();
  for (const auto& [file, document] : files.read) {
    const auto& plugin = image_plugin(document);
    if (!plugin.is_object()) continue;
    merged.update(plugin, /*merge_objects=*/true);
    const bool names_it = !member(member(plugin, "registry"), "config_path").is_null();
    const auto format = std::max<std::int64_t>(format_of(document), 1);
    result = registry_of(merged, names_it ? file : result.file, names_it ? format : result.format);
  }
  return result;
}

}  // namespace entrepot::app
