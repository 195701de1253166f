// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "proxy/http/tls/client_ca.h"
#include "proxy/http/tls/identity.h"
#include "proxy/http/tls/openssl.h"
#include "proxy/http/tls/ticket_keys.h"

namespace entrepot::http::tls {

/// Identities that cannot serve together, or one that OpenSSL does not accept.
class ContextError : public std::runtime_error {
 public:
  ContextError(std::size_t identity, const std::string& why)
      : std::runtime_error(why), identity_(identity) {}
  /// Index of the identity.
  std::size_t identity() const { return identity_; }

 private:
  std::size_t identity_;
};

/// The settings of the TLS connections of one listener, and the choice of the certificate by the
/// name that the client sends (SNI, RFC 6066 §3): first the exact name, then "*.parent", then the
/// first identity. If two identities have one name and keys of different types, OpenSSL takes the
/// one whose signature the client accepts.
///
/// TLS 1.2 and 1.3 with forward secrecy only; no renegotiation, no compression, no early data; ALPN
/// http/1.1. Immutable; any thread.
class Context {
 public:
  /// `identities`: at least one, without errors of load_identity(). `client_ca` null: clients are
  /// not asked for a certificate. Throws ContextError.
  Context(std::vector<Identity> identities, std::shared_ptr<TicketKeys> tickets,
          std::unique_ptr<const ClientCa> client_ca = nullptr);
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  /// The server's end of a connection over `fd`, which stays that of the caller. This outlives it.
  Owned<SSL> accept(int fd) const;
  const std::vector<Identity>& identities() const { return identities_; }
  /// Null: clients are not asked for a certificate.
  const ClientCa* client_ca() const { return client_ca_.get(); }

 private:
  friend struct Callbacks;
  using Indices = std::vector<std::size_t>;

  /// Indices of the identities for each name. Throws ContextError.
  std::unordered_map<std::string, Indices> group() const;
  /// For clients that send no name, or an unknown one: the first identity, and of each other type
  /// of key the first that shares a name or an address with it.
  Indices default_group() const;
  Owned<SSL_CTX> make(const Indices& indices) const;
  /// Null for an unknown name.
  SSL_CTX* find(std::string_view host) const;

  const std::vector<Identity> identities_;
  const std::shared_ptr<TicketKeys> tickets_;
  const std::unique_ptr<const ClientCa> client_ca_;
  const Owned<EVP_CIPHER> ticket_cipher_;
  Owned<SSL_CTX> default_;
  std::vector<Owned<SSL_CTX>> others_;
  std::unordered_map<std::string, SSL_CTX*> by_host_;
};

}  // namespace entrepot::http::tls
