// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/engines/client_config.h"

#include <sys/stat.h>

#include <algorithm>
#include <exception>
#include <iostream>
#include <string>

#include "cache/base/folder.h"
#include "proxy/app/command/client_mirror.h"
#include "proxy/app/command/exit_codes.h"
#include "proxy/app/engines/buildkit_setup.h"
#include "proxy/app/engines/containerd_setup.h"
#include "proxy/app/engines/docker_setup.h"
#include "proxy/app/engines/podman_setup.h"
#include "proxy/app/engines/rancher_setup.h"
#include "proxy/app/engines/replaced_file.h"

namespace entrepot::app {
namespace {

namespace fs = std::filesystem;

/// The other files about registries that podman reads, in its order.
std::vector<PodmanFile> podman_files(const fs::path& root) {
  std::vector<fs::path> paths = {podman_file};
  // As far as it can be read: like a file of it that cannot.
  static_cast<void>(
      cache::for_each_entry(path_below(root, podman_folder), [&paths](const auto& entry) {
        if (entry.path().extension() == ".conf" && entry.path().filename() != "entrepot.conf")
          paths.push_back(fs::path(podman_folder) / entry.path().filename());
      }));
  std::sort(paths.begin() + 1, paths.end());
  std::vector<PodmanFile> files;
  for (const auto& path : paths)
    if (auto text = content_of_file(path_below(root, path))) files.push_back({path, *text});
  return files;
}

std::optional<std::string> containerd_config_of(const Command& command) {
  if (!command.write) return std::nullopt;
  return content_of_file(path_below(command.root, containerd_config)).value_or("");
}

/// Looks at the machine only where it is to be written to: what is printed may be for another one.
EngineSetup setup_for(const Command& command, const conf::Config& config,
                      const ClientMirror& mirror) {
  const auto registries = client_registries(config);
  switch (command.engine) {
    case Engine::docker:
      return docker_setup(mirror, registries);
    case Engine::containerd:
      return containerd_setup(mirror, registries, containerd_config_of(command));
    case Engine::podman:
      return podman_setup(mirror, registries,
                          command.write ? podman_files(command.root) : std::vector<PodmanFile>());
    case Engine::k3s:
      return rancher_setup(RancherKind::k3s, mirror, registries);
    case Engine::rke2:
      return rancher_setup(RancherKind::rke2, mirror, registries);
    case Engine::buildkit:
      return buildkit_setup(mirror, registries);
  }
  return {};
}

void print(const EngineSetup& setup) {
  for (const auto& file : setup.files) {
    if (setup.comment.empty())
      std::cerr << "entrepot: " << file.path.string() << ":\n";
    else
      std::cout << setup.comment << file.path.string() << "\n";
    std::cout << file.content << (setup.files.size() > 1 ? "\n" : "");
  }
}

/// False when it is left as it is although it lacks the mirror.
bool write(const EngineFile& file, const fs::path& root) {
  const auto path = path_below(root, file.path);
  const auto before = content_of_file(path);
  const auto merged = before ? file.merge(*before) : Merged{Merged::Outcome::changed, file.content};
  if (merged.outcome == Merged::Outcome::refused) {
    std::cerr << "entrepot: " << path.string() << ": " << merged.text
              << (merged.text.ends_with('\n') ? "" : "\n");
    return false;
  }
  std::string did = "nothing to do";
  if (merged.outcome != Merged::Outcome::unchanged) {
    const auto backup = replace_file(path, before, merged.text);
    did = backup ? "changed; as it was: " + backup->string() : "written";
  }
  std::cout << path.string() << ": " << did << "\n";
  return true;
}

/// A file that cannot be written keeps nothing from the others; it is told in the end.
bool write_all(const EngineSetup& setup, const fs::path& root) {
  bool all = true;
  std::exception_ptr failed;
  for (const auto& file : setup.files) {
    try {
      all &= write(file, root);
    } catch (const std::exception&) {
      if (!failed) failed = std::current_exception();
    }
  }
  if (failed) std::rethrow_exception(failed);
  return all;
}

}  // namespace

int run_client_config(const Command& command, const conf::Config& config) {
  const auto mirror = command.mirror ? client_mirror(*command.mirror) : mirror_listening(config);
  if (!mirror) {
    std::cerr << "entrepot: " << no_mirror_listening(config) << "\n";
    return exit_usage;
  }
  // Engines and their users must be able to read what is made here.
  ::umask(022);
  const auto setup = setup_for(command, config, *mirror);
  bool all = true;
  if (command.write)
    all = write_all(setup, command.root);
  else
    print(setup);
  auto& advice = command.write ? std::cout : std::cerr;
  for (const auto& note : setup.notes)
    advice << "Note: " << note << (note.ends_with('\n') ? "" : "\n");
  for (const auto& step : setup.next) advice << "Next: " << step << "\n";
  return all ? exit_ok : exit_config;
}

}  // namespace entrepot::app
