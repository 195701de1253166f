// SPDX-License-Identifier: Apache-2.0
#include "conf/named_files.h"

#include <algorithm>
#include <cstdlib>
#include <string>
#include <system_error>

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

/// A file that the service manager provides, else one in `folder`.
void find_file(std::filesystem::path& file, const std::filesystem::path& folder) {
  if (file.empty() || file.is_absolute()) return;
  const auto provided = service_manager_file(file);
  file = provided.empty() ? folder / file : provided;
}

void find_passwords(std::vector<Credential>& credentials, const std::filesystem::path& folder) {
  for (auto& credential : credentials) find_file(credential.password_file, folder);
}

void find_files(Listener& listener, const std::filesystem::path& folder) {
  if (listener.tls) {
    for (auto& files : listener.tls->certificates) {
      find_file(files.certificate, folder);
      find_file(files.key, folder);
    }
    if (listener.tls->client_ca) find_file(*listener.tls->client_ca, folder);
  }
  if (!listener.auth) return;
  if (listener.auth->htpasswd) find_file(*listener.auth->htpasswd, folder);
  if (listener.auth->tokens) find_file(*listener.auth->tokens, folder);
  for (auto& issuer : listener.auth->jwt)
    for (auto* file : {&issuer.keys, &issuer.ca, &issuer.token_file})
      if (*file) find_file(**file, folder);
}

}  // namespace

void find_named_files(Config& config, const std::filesystem::path& folder) {
  if (config.log.access_file) config.log.access_file = folder / *config.log.access_file;
  for (auto& listener : config.listen) find_files(listener, folder);
  if (config.admin) find_files(config.admin->listener, folder);
  for (auto& upstream : config.upstreams) {
    if (upstream.ca_file) upstream.ca_file = folder / *upstream.ca_file;
    if (auto& file = upstream.proxy.ca_file) file = folder / *file;
    for (auto* server : {&upstream.proxy.for_https, &upstream.proxy.for_http})
      if (server->account) find_file(server->account->password_file, folder);
    find_passwords(upstream.credentials, folder);
    for (auto& endpoint : upstream.endpoints) find_passwords(endpoint.credentials, folder);
  }
}

}  // namespace entrepot::conf
