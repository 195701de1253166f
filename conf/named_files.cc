// SPDX-License-Identifier: Apache-2.0
#include "conf/named_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

namespace entrepot::conf {
namespace {

/// Returns an empty path without $CREDENTIALS_DIRECTORY.
std::filesystem::path service_manager_file(const std::filesystem::path& name) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing here ever changes the environment
  const char* folder = std::getenv("CREDENTIALS_DIRECTORY");
  if (folder == nullptr || folder[0] != '/') return {};
  std::string id = name.lexically_normal().string();
  std::replace(id.begin(), id.end(), '/', '_');
  auto file = std::filesystem::path(folder) / id;
  std::error_code absent;
  return std::filesystem::exists(file, absent) ? file : std::filesystem::path();
}

/// The time of the last change of content, name or mode: a file that was written before the copy
/// and renamed after it is newer.
std::optional<std::pair<std::int64_t, std::int64_t>> changed_at(const std::filesystem::path& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) return std::nullopt;
  return std::pair<std::int64_t, std::int64_t>(status.st_ctim.tv_sec, status.st_ctim.tv_nsec);
}

bool is_readable(const std::filesystem::path& file) {
  return ::faccessat(AT_FDCWD, file.c_str(), R_OK, AT_EACCESS) == 0;
}

bool is_newer(const std::filesystem::path& one, const std::filesystem::path& other) {
  return changed_at(one) > changed_at(other);
}

/// Finds the files of one configuration.
class Finder {
 public:
  Finder(const std::filesystem::path& folder, std::vector<HandedOver>& handed_over)
      : folder_(folder), handed_over_(handed_over) {}

  /// A file that the service manager provides, unless the one in the folder is newer.
  void find(std::filesystem::path& file) const {
    if (file.empty() || file.is_absolute()) return;
    const auto provided = service_manager_file(file);
    file = folder_ / file;
    if (provided.empty() || (is_readable(file) && is_newer(file, provided))) return;
    handed_over_.push_back({file, provided});
    file = provided;
  }
  void find_all(std::vector<Credential>& credentials) const {
    for (auto& credential : credentials) find(credential.password_file);
  }
  void find_all(Listener& listener) const;

 private:
  const std::filesystem::path& folder_;
  std::vector<HandedOver>& handed_over_;
};

void Finder::find_all(Listener& listener) const {
  if (listener.tls) {
    for (auto& files : listener.tls->certificates) {
      find(files.certificate);
      find(files.key);
    }
    if (listener.tls->client_ca) find(*listener.tls->client_ca);
  }
  if (!listener.auth) return;
  if (listener.auth->htpasswd) find(*listener.auth->htpasswd);
  if (listener.auth->tokens) find(*listener.auth->tokens);
  for (auto& issuer : listener.auth->jwt)
    for (auto* file : {&issuer.keys, &issuer.ca, &issuer.token_file})
      if (*file) find(**file);
}

}  // namespace

void find_named_files(Config& config, const std::filesystem::path& folder) {
  if (config.log.access_file) config.log.access_file = folder / *config.log.access_file;
  const Finder finder(folder, config.handed_over);
  for (auto& listener : config.listen) finder.find_all(listener);
  if (config.admin) finder.find_all(config.admin->listener);
  for (auto& upstream : config.upstreams) {
    if (upstream.ca_file) upstream.ca_file = folder / *upstream.ca_file;
    if (auto& file = upstream.proxy.ca_file) file = folder / *file;
    for (auto* server : {&upstream.proxy.for_https, &upstream.proxy.for_http})
      if (server->account) finder.find(server->account->password_file);
    finder.find_all(upstream.credentials);
    for (auto& endpoint : upstream.endpoints) finder.find_all(endpoint.credentials);
  }
}

std::vector<std::string> stale_files(const Config& config) {
  std::vector<std::string> stale;
  for (const auto& [own, copy] : config.handed_over)
    if (is_newer(own, copy) && !is_readable(own)) stale.push_back(own.string());
  return stale;
}

}  // namespace entrepot::conf
