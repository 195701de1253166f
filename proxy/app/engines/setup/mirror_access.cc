// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/engines/setup/mirror_access.h"

#include <openssl/evp.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <utility>

#include "proxy/app/engines/files/replaced_file.h"
#include "proxy/http/tls/identity.h"
#include "proxy/http/tls/pem.h"

namespace entrepot::app {
namespace {

namespace fs = std::filesystem;
namespace tls = http::tls;

AccessFile read(const fs::path& file) {
  auto content = content_of_file(file);
  if (!content) throw std::runtime_error(file.string() + " does not exist");
  return {file, std::move(*content)};
}

/// The one line of a file with a password or a token.
std::string read_secret(const fs::path& file) {
  auto secret = read(file).content;
  if (secret.ends_with('\n')) secret.pop_back();
  if (secret.ends_with('\r')) secret.pop_back();
  if (secret.empty()) throw std::runtime_error(file.string() + " is empty");
  const auto is_control = [](char c) { return (c >= 0 && c < ' ') || c == '\x7f'; };
  if (std::ranges::any_of(secret, is_control))
    throw std::runtime_error(file.string() + " holds more than one line of text");
  return secret;
}

void check_client_certificate(const AccessOptions& options) {
  const auto now = std::chrono::system_clock::now();
  tls::IdentityFaults faults;
  const auto identity =
      tls::load_identity({*options.client_certificate, *options.client_key}, now, faults);
  if (!faults.errors.empty()) throw std::runtime_error(faults.errors.front().text);
  if (identity.end <= now)
    throw std::runtime_error(options.client_certificate->string() +
                             " has expired: mirrors refuse it");
}

Merged merge_copy(std::string_view existing, bool ours, const AccessFile& file) {
  if (existing == file.content) return {Merged::Outcome::unchanged, {}, {}};
  if (ours) return {Merged::Outcome::changed, file.content, {}};
  return {Merged::Outcome::refused,
          "is another file than " + file.source.string() +
              ", and is left as it is; move it away and try again",
          {}};
}

}  // namespace

std::string MirrorAccess::encoded_login() const {
  const std::string plain = user + ":" + password;
  // EVP_EncodeBlock writes 4 bytes for each begun 3, and a NUL.
  std::string encoded((plain.size() + 2) / 3 * 4 + 1, '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()),
                                     reinterpret_cast<const unsigned char*>(plain.data()),
                                     static_cast<int>(plain.size()));
  encoded.resize(static_cast<std::size_t>(length));
  return encoded;
}

std::string MirrorAccess::authorization() const {
  return user.empty() ? "Bearer " + token : "Basic " + encoded_login();
}

std::optional<std::string> fault_of_access(const AccessOptions& options,
                                           const ClientMirror& mirror) {
  const bool secret = options.password_file || options.token_file;
  if (!options.user.empty() && !secret)
    return "--user needs --password-file FILE or --token-file FILE";
  if (mirror.plain && (options.ca || options.client_certificate))
    return "--ca and --client-cert need a mirror with https, and this one is " + mirror.url +
           ": give --mirror https://ADDRESS:PORT";
  return std::nullopt;
}

MirrorAccess read_access(const AccessOptions& options) {
  MirrorAccess access;
  if (options.ca) {
    static_cast<void>(tls::read_certificates(*options.ca));
    access.ca = read(*options.ca);
  }
  if (options.client_certificate) {
    check_client_certificate(options);
    access.certificate = read(*options.client_certificate);
    access.key = read(*options.client_key);
  }
  access.user = options.user;
  if (options.password_file) access.password = read_secret(*options.password_file);
  if (options.token_file)
    (access.user.empty() ? access.token : access.password) = read_secret(*options.token_file);
  return access;
}

CertificatePaths add_certificates(EngineSetup& setup, const MirrorAccess& access,
                                  const fs::path& folder) {
  const auto add = [&](const std::optional<AccessFile>& file, const char* name, bool secret) {
    if (!file) return std::string();
    const auto path = folder / name;
    setup.files.push_back({path, file->content,
                           [file = *file](std::string_view existing, bool ours) {
                             return merge_copy(existing, ours, file);
                           },
                           secret, file->source});
    return path.string();
  };
  CertificatePaths paths;
  paths.ca = add(access.ca, "ca.crt", false);
  paths.certificate = add(access.certificate, "client.cert", false);
  paths.key = add(access.key, "client.key", true);
  return paths;
}

}  // namespace entrepot::app
