// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "proxy/http/tls/openssl.h"

namespace entrepot::http::tls {

/// The authorities whose client certificates a listener accepts, and whether it demands one.
/// Immutable; any thread.
class ClientCa {
 public:
  enum class Demand : std::uint8_t { required, optional };

  /// Reads the certificates of a PEM file; each of them is trusted, an intermediate authority too.
  /// Throws PemError. Blocking.
  ClientCa(std::filesystem::path file, Demand demand);

  const std::filesystem::path& file() const { return file_; }
  bool required() const { return demand_ == Demand::required; }
  /// Faults that do not prevent its use: an expired certificate, one that is no authority.
  std::vector<std::string> warnings() const;

  /// Makes the connections of `context` ask for a certificate. A session can be resumed only under
  /// the same authorities and the same demand: its ticket holds the verdict about the certificate.
  void apply(SSL_CTX& context) const;

  /// The same certificates in the same order, and the same demand.
  bool operator==(const ClientCa& other) const { return digest_ == other.digest_; }

 private:
  const std::filesystem::path file_;
  const Demand demand_;
  const std::vector<Owned<X509>> certificates_;
  const Owned<X509_STORE> store_;
  std::array<unsigned char, 32> digest_{};  // SHA-256 of the certificates and the demand
};

}  // namespace entrepot::http::tls
