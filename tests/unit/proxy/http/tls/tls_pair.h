// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "proxy/http/tls/context.h"
#include "proxy/http/tls/stream.h"
#include "tests/fakes/tls_identity.h"

namespace entrepot::http::tls {

/// The identity of a fake, read from its files.
Identity identity_of(const fakes::TlsIdentity& fake);

/// A client of OpenSSL without any checks.
Owned<SSL_CTX> client_context();

/// A Stream and a client at the ends of a pair of sockets, in one thread.
class TlsPair {
 public:
  TlsPair(std::shared_ptr<const Context> context, SSL_CTX* client);
  ~TlsPair();
  TlsPair(const TlsPair&) = delete;
  TlsPair& operator=(const TlsPair&) = delete;

  Stream& stream() { return stream_; }
  SSL* client() { return client_.get(); }
  int server_fd() const { return fds_.server; }
  int client_fd() const { return fds_.client; }

  /// Shakes hands until the server is done or has failed.
  Stream::Progress shake_hands();
  /// The bytes that the client receives until the server has no more of them for it.
  std::string received();
  /// Host names of the certificate that the server has sent.
  std::string certificate() const;

 private:
  struct Sockets {
    Sockets();
    int server, client;
  };
  const Sockets fds_;
  Stream stream_;
  Owned<SSL> client_;
};

}  // namespace entrepot::http::tls
