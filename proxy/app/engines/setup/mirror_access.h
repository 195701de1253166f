// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "proxy/app/command/client_mirror.h"
#include "proxy/app/command/command_line.h"
#include "proxy/app/engines/setup/engine_setup.h"

namespace entrepot::app {

/// A file that engines get a copy of.
struct AccessFile {
  std::filesystem::path source;
  std::string content;
};

/// The certificates and the login with which an engine reaches the mirror.
struct MirrorAccess {
  std::optional<AccessFile> ca;           ///< of the mirror's certificate
  std::optional<AccessFile> certificate;  ///< of the engine; with `key`
  std::optional<AccessFile> key;
  std::string user, password;
  std::string token;  ///< a bearer token; excludes `user`

  bool has_login() const { return !user.empty() || !token.empty(); }
  /// user:password in base64, as Basic (RFC 7617) and auth.json have it. REQUIRES: `user`.
  std::string encoded_login() const;
  /// The value of an Authorization header. REQUIRES: has_login().
  std::string authorization() const;
};

/// The fault of these options together; nullopt if there is none.
std::optional<std::string> fault_of_access(const AccessOptions& options,
                                           const ClientMirror& mirror);

/// Reads and checks the files. Throws std::runtime_error that names the file and the remedy.
/// REQUIRES: fault_of_access() is nullopt.
MirrorAccess read_access(const AccessOptions& options);

/// The paths of copied certificates; empty for those that are not given.
struct CertificatePaths {
  std::string ca, certificate, key;
};

/// Adds copies of the certificates to the files of an engine: FOLDER/ca.crt, client.cert and
/// client.key. An existing file that is not ours is never replaced.
CertificatePaths add_certificates(EngineSetup& setup, const MirrorAccess& access,
                                  const std::filesystem::path& folder);

}  // namespace entrepot::app
