// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/ssl.h>

#include <string>

namespace entrepot::fakes {

/// A certificate made on the spot, self-signed, for one name; and its file, for clients to trust.
class TlsIdentity {
 public:
  struct Options {
    /// subjectAltName: "IP:127.0.0.1", "DNS:registry.example"
    std::string name = "IP:127.0.0.1";
    /// Seconds from now to the end of its validity; negative: it has expired.
    long lifetime = 3600;
    /// Bits of an RSA key; 0: ECDSA with P-256.
    unsigned rsa_bits = 0;
    /// Highest protocol version offered; 0: the newest.
    int max_version = 0;
  };

  explicit TlsIdentity(const Options& options);
  TlsIdentity() : TlsIdentity(Options{}) {}
  ~TlsIdentity();
  TlsIdentity(const TlsIdentity&) = delete;
  TlsIdentity& operator=(const TlsIdentity&) = delete;

  SSL_CTX* context() const { return context_; }
  /// A PEM file with the certificate, removed with this object.
  const std::string& ca_file() const { return ca_file_; }
  /// A PEM file with its private key, removed with this object.
  const std::string& key_file() const { return key_file_; }

 private:
  SSL_CTX* context_;  // owned
  std::string ca_file_, key_file_;
};

}  // namespace entrepot::fakes
