// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/http/tls/openssl.h"

namespace entrepot::http::tls {

struct IdentityFiles {
  std::filesystem::path certificate;  ///< PEM: the server's certificate, then its issuers
  std::filesystem::path key;          ///< PEM, not encrypted
};

/// The file in which a fault was found.
enum class IdentityPart : std::uint8_t { certificate, key };

struct IdentityFault {
  IdentityPart part;
  std::string text;
};

/// The result of the checks of load_identity().
struct IdentityFaults {
  std::vector<IdentityFault> errors, warnings;
};

enum class KeyType : std::uint8_t { rsa, ec, ed25519 };
std::string_view to_string(KeyType type);

/// A certificate with its chain and its key. Immutable.
struct Identity {
  IdentityFiles files;
  std::vector<Owned<X509>> chain;  ///< the certificate, then its issuers
  Owned<EVP_PKEY> key;
  KeyType type = KeyType::rsa;
  /// Host names of the certificate (subjectAltName) in lower case, such as "*.example.com".
  std::vector<std::string> hosts;
  std::vector<std::string> addresses;         ///< IP addresses of the certificate
  std::chrono::system_clock::time_point end;  ///< of the validity of the certificate
};

/// Reads and checks a certificate and its key. Errors: a file that cannot be read or parsed, an
/// encrypted key, a key of another certificate, a chain in the wrong order, RSA below 2048 bits.
/// Warnings: outside of its validity at `now`, no name, a key that every user can read. The result
/// is of use only without errors. Blocking; any thread.
Identity load_identity(const IdentityFiles& files, std::chrono::system_clock::time_point now,
                       IdentityFaults& faults);

/// "*.example.com, mirror.lan (ECDSA) until 2027-01-31": for the log.
std::string describe(const Identity& identity);

}  // namespace entrepot::http::tls
