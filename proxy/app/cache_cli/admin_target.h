// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "conf/config.h"
#include "proxy/app/command/command_line.h"
#include "proxy/app/engines/setup/mirror_access.h"

namespace entrepot::app {

/// The way of a command to the admin listener of a running process.
struct AdminTarget {
  std::string address;  ///< "ADDRESS:PORT", "NAME:PORT" or "unix:/path"
  bool tls = false;
  MirrorAccess access = {};
  /// PEM, instead of access.ca: the certificates of the listener itself. One of them is demanded,
  /// whatever its names are. Empty: the certificate has to be trusted and to name the address.
  std::string own_certificates = {};
};

/// The admin listener of a configuration: of one for every address, this machine is asked. Without
/// AccessOptions::ca it has to show a certificate that the configuration names. Reads files; throws
/// std::runtime_error that names the file or the option, and the remedy.
AdminTarget target_of(const conf::Admin& admin, const AccessOptions& options);

/// The same for the argument of `health --address`: without "https://" it speaks plain HTTP.
AdminTarget target_at(const std::string& address, const AccessOptions& options);

}  // namespace entrepot::app
