// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/engines/check/containerd_folder.h"

#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string_view>

#include "metrics/printable.h"
#include "proxy/app/command/exit_codes.h"
#include "proxy/app/engines/check/containerd_config.h"

namespace entrepot::app {
namespace {

namespace fs = std::filesystem;

/// Without "." and "..", and without a '/' at the end.
fs::path plain(const fs::path& path) {
  const auto normal = path.lexically_normal();
  return normal.has_filename() ? normal : normal.parent_path();
}

/// True for one of the paths in `list`, which colons separate.
bool lists(std::string_view list, const fs::path& folder) {
  for (;;) {
    const auto end = list.find(':');
    if (plain(list.substr(0, end)) == folder) return true;
    if (end == std::string_view::npos) return false;
    list.remove_prefix(end + 1);
  }
}

FolderOutcome outcome_of(const CriRegistry& registry, const fs::path& main,
                         const fs::path& folder) {
  const auto& path = registry.config_path;
  if (!registry.unseen.empty() && registry.unseen.front() == main.string())
    return FolderOutcome::no_configuration;
  if (path.empty()) return FolderOutcome::no_config_path;
  if (path.find(':') == std::string::npos)
    return plain(path) == folder ? FolderOutcome::read : FolderOutcome::other_folder;
  if (!lists(path, folder)) return FolderOutcome::other_folder;
  return registry.client_pulls ? FolderOutcome::read : FolderOutcome::several_folders;
}

std::string remedy(const CriRegistry& registry, const fs::path& folder) {
  return std::string("; set config_path = \"") + folder.string() + "\" under [plugins.\"" +
         (registry.version_3 ? "io.containerd.cri.v1.images" : "io.containerd.grpc.v1.cri") +
         "\".registry] there, " +
         (registry.has_mirrors ? "without the tables registry.mirrors beside it, " : "") +
         "and restart containerd";
}

/// Imports of containerd that this process cannot see, such as those outside of a container.
std::string unseen(const CriRegistry& registry) {
  std::string text;
  for (const auto& file : registry.unseen) text += (text.empty() ? "" : ", ") + file;
  return text.empty() ? text : "; not seen from here: its imports " + text;
}

std::string text_of_outcome(FolderOutcome outcome, const CriRegistry& registry,
                            const fs::path& folder) {
  const auto file = registry.file.string();
  const auto not_read = "containerd does not read " + folder.string() + ": ";
  const auto named = "config_path in " + file + " is \"" + registry.config_path + "\"";
  switch (outcome) {
    case FolderOutcome::read:
      return "containerd reads " + folder.string() + ": " + named + unseen(registry);
    case FolderOutcome::no_configuration:
      return not_read + file +
             " does not exist; without it, containerd 1 reads no folder, and newer versions of "
             "containerd 2 take two folders for one. Make the file" +
             remedy(registry, folder);
    case FolderOutcome::no_config_path:
      return not_read + file + " has no config_path" + unseen(registry) + remedy(registry, folder);
    case FolderOutcome::several_folders:
      return not_read + named + ", which containerd 2 takes for the name of one folder" +
             unseen(registry) + remedy(registry, folder);
    case FolderOutcome::other_folder:
      return not_read + named + unseen(registry) +
             "; write the files there (in Kubernetes: the volume certs-d), or" +
             remedy(registry, folder).substr(1);
    case FolderOutcome::unreadable:
      break;
  }
  return {};
}

}  // namespace

FolderFinding find_folder(const System& system, const fs::path& config, const fs::path& folder) {
  try {
    const auto registry = read_cri_registry(system, config);
    const auto outcome = outcome_of(registry, config, plain(folder));
    return {outcome, printable(text_of_outcome(outcome, registry, plain(folder)))};
  } catch (const std::runtime_error& error) {
    return {FolderOutcome::unreadable, printable("it is unknown whether containerd reads " +
                                                 folder.string() + ": " + error.what())};
  }
}

int check_folder(const Command& command) {
  const auto finding =
      find_folder(System(command.root), command.containerd_config, *command.check_folder);
  std::cout << finding.text << '\n';
  if (!command.report) return finding.outcome == FolderOutcome::read ? exit_ok : exit_found;
  std::ofstream report(*command.report);
  report << finding.text << '\n';
  if (!report.flush()) throw std::runtime_error(command.report->string() + " cannot be written");
  return exit_ok;
}

}  // namespace entrepot::app
