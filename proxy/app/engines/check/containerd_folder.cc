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

FolderOutcome outcome_of(const CriRegistry& registry, const fs::path& folder, bool containerd_2) {
  const auto& path = registry.config_path;
  if (path.empty()) return FolderOutcome::no_config_path;
  if (path.find(':') == std::string::npos)
    return plain(path) == folder ? FolderOutcome::read : FolderOutcome::other_folder;
  if (!lists(path, folder)) return FolderOutcome::other_folder;
  return containerd_2 && !registry.client_pulls ? FolderOutcome::several_folders
                                                : FolderOutcome::read;
}

/// The table of the image service in a file of a format.
std::string_view table_of(std::int64_t format) {
  if (format >= 3) return "[plugins.\"io.containerd.cri.v1.images\".registry]";
  return format == 2 ? "[plugins.\"io.containerd.grpc.v1.cri\".registry]"
                     : "[plugins.cri.registry]";
}

std::string remedy(const CriRegistry& registry, const fs::path& folder) {
  return std::string("; set config_path = \"") + folder.string() + "\" under " +
         std::string(table_of(registry.format)) + " there, " +
         (registry.has_mirrors ? "without the tables registry.mirrors beside it, " : "") +
         "and restart containerd";
}

/// Imports of containerd that this process cannot see, such as those outside of a container.
std::string unseen(const ContainerdFiles& files) {
  std::string text;
  for (const auto& file : files.unseen) text += (text.empty() ? "" : ", ") + file;
  return text.empty() ? text : "; not seen from here: its imports " + text;
}

/// The setting that has led to the outcome.
std::string cause(FolderOutcome outcome, const CriRegistry& registry) {
  const auto file = registry.file.string();
  if (outcome == FolderOutcome::no_config_path) return file + " has no config_path";
  const auto named = "config_path in " + file + " is \"" + registry.config_path + "\"";
  return outcome == FolderOutcome::several_folders
             ? named + ", which containerd 2 takes for the name of one folder"
             : named;
}

/// `which`: "containerd", or one of its versions.
std::string text_of_outcome(FolderOutcome outcome, const std::string& which,
                            const CriRegistry& registry, const ContainerdFiles& files,
                            const fs::path& folder) {
  const bool read = outcome == FolderOutcome::read;
  auto text = which + (read ? " reads " : " does not read ") + folder.string() + ": " +
              cause(outcome, registry) + unseen(files);
  if (read) return text;
  const auto cure = remedy(registry, folder);
  if (outcome == FolderOutcome::other_folder)
    text += "; write the files there (in Kubernetes: the volume certs-d), or" + cure.substr(1);
  else
    text += cure;
  return text;
}

/// The finding for files that both containerd 1 and 2 can read.
FolderFinding finding_for_both(const ContainerdFiles& files, const fs::path& folder) {
  const auto first = registry_of_containerd_1(files);
  const auto second = registry_of_containerd_2(files);
  const auto by_first = outcome_of(first, folder, /*containerd_2=*/false);
  const auto by_second = outcome_of(second, folder, /*containerd_2=*/true);
  const bool reads_1 = by_first == FolderOutcome::read;
  const bool reads_2 = by_second == FolderOutcome::read;
  if (reads_1 == reads_2)
    return {by_first, text_of_outcome(by_first, "containerd", first, files, folder)};
  if (reads_1)
    return {FolderOutcome::containerd_1,
            "containerd 1 reads " + folder.string() + ", and " +
                text_of_outcome(by_second, "containerd 2", second, files, folder)};
  return {FolderOutcome::containerd_2,
          "containerd 2 reads " + folder.string() + ", and " +
              text_of_outcome(by_first, "containerd 1", first, files, folder)};
}

FolderFinding finding_of(const ContainerdFiles& files, const fs::path& folder) {
  if (files.read.empty())
    return {
        FolderOutcome::no_configuration,
        "containerd does not read " + folder.string() + ": " + files.main.string() +
            " does not exist; without it, containerd 1 reads no folder, and newer versions of "
            "containerd 2 take two folders for one. Make the file with version = 2 in its first "
            "line" +
            remedy({.file = files.main}, folder)};
  if (!is_for_containerd_2(files)) return finding_for_both(files, folder);
  const auto registry = registry_of_containerd_2(files);
  const auto outcome = outcome_of(registry, folder, /*containerd_2=*/true);
  return {outcome, text_of_outcome(outcome, "containerd", registry, files, folder)};
}

}  // namespace

FolderFinding find_folder(const System& system, const fs::path& config, const fs::path& folder) {
  try {
    auto finding = finding_of(read_containerd_files(system, config), plain(folder));
    finding.text = printable(finding.text);
    return finding;
  } catch (const std::exception& error) {
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
