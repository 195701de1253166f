// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/proxy/http/tls/tls_pair.h"

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <utility>

namespace entrepot::http::tls {

Identity identity_of(const fakes::TlsIdentity& fake) {
  IdentityFaults faults;
  Identity identity = load_identity({.certificate = fake.ca_file(), .key = fake.key_file()},
                                    std::chrono::system_clock::now(), faults);
  for (const auto& fault : faults.errors) ADD_FAILURE() << fault.text;
  return identity;
}

Owned<SSL_CTX> client_context() { return Owned<SSL_CTX>(SSL_CTX_new(TLS_client_method())); }

TlsPair::Sockets::Sockets() : server(-1), client(-1) {
  std::array<int, 2> fds{};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()), 0);
  server = fds[0];
  client = fds[1];
}

TlsPair::TlsPair(std::shared_ptr<const Context> context, SSL_CTX* client)
    : stream_(std::move(context), fds_.server), client_(SSL_new(client)) {
  SSL_set_fd(client_.get(), fds_.client);
  SSL_set_connect_state(client_.get());
}

TlsPair::~TlsPair() {
  ::close(fds_.server);
  ::close(fds_.client);
}

Stream::Progress TlsPair::shake_hands() {
  constexpr int most_turns = 20;
  for (int i = 0; i < most_turns; ++i) {
    ERR_clear_error();
    SSL_do_handshake(client_.get());
    const Stream::Progress progress = stream_.handshake();
    if (progress != Stream::Progress::waiting) return progress;
  }
  return Stream::Progress::waiting;
}

std::string TlsPair::received() {
  std::string all;
  std::array<char, 16384> bytes{};
  for (int n = 1; n > 0;) {
    ERR_clear_error();
    n = SSL_read(client_.get(), bytes.data(), static_cast<int>(bytes.size()));
    if (n > 0) all.append(bytes.data(), static_cast<std::size_t>(n));
  }
  return all;
}

std::string TlsPair::certificate() const {
  const Owned<X509> certificate(SSL_get1_peer_certificate(client_.get()));
  if (certificate == nullptr) return "none";
  std::string names;
  auto* list = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate.get(), NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(list); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(list, i);
    if (name->type == GEN_DNS)
      names += reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName));
  }
  GENERAL_NAMES_free(list);
  return names;
}

}  // namespace entrepot::http::tls
