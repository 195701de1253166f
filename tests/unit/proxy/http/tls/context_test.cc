// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/tls/context.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <tuple>
#include <utility>

#include "tests/unit/proxy/http/tls/tls_pair.h"

namespace entrepot::http::tls {
namespace {

using fakes::TlsIdentity;
using metrics::TlsHandshake;
using testing::HasSubstr;
using Progress = Stream::Progress;

std::shared_ptr<const Context> context_of(std::initializer_list<const TlsIdentity*> fakes,
                                          std::shared_ptr<TicketKeys> keys = nullptr) {
  std::vector<Identity> identities;
  for (const TlsIdentity* fake : fakes) identities.push_back(identity_of(*fake));
  if (keys == nullptr) keys = std::make_shared<TicketKeys>();
  return std::make_shared<const Context>(std::move(identities), std::move(keys));
}

std::string certificate_for(const std::shared_ptr<const Context>& context, const char* name) {
  const auto client = client_context();
  TlsPair pair(context, client.get());
  if (name != nullptr) SSL_set_tlsext_host_name(pair.client(), name);
  EXPECT_EQ(pair.shake_hands(), Progress::done);
  return pair.certificate();
}

TEST(Context, ChoosesTheCertificateByName) {
  const TlsIdentity first({.name = "DNS:first"}), exact({.name = "DNS:a.example"}),
      wild({.name = "DNS:*.example"});
  const auto context = context_of({&first, &exact, &wild});
  for (const auto& [name, expected] :
       std::array<std::pair<const char*, const char*>, 9>{{{"first", "first"},
                                                           {"a.example", "a.example"},
                                                           {"A.EXAMPLE", "a.example"},
                                                           {"b.example", "*.example"},
                                                           {"b.example.", "*.example"},
                                                           {"a.b.example", "first"},
                                                           {"example", "first"},
                                                           {"*.example", "*.example"},
                                                           {nullptr, "first"}}})
    EXPECT_EQ(certificate_for(context, name), expected) << (name != nullptr ? name : "no name");
}

class ContextHasBothKinds : public testing::TestWithParam<const char*> {};

TEST_P(ContextHasBothKinds, ForOneNameOrAddress) {
  const TlsIdentity ec({.name = GetParam()}), rsa({.name = GetParam(), .rsa_bits = 2048});
  for (const auto& order : {context_of({&ec, &rsa}), context_of({&rsa, &ec})})
    for (const auto& [algorithms, type] :
         {std::pair{"RSA-PSS+SHA256", EVP_PKEY_RSA}, std::pair{"ECDSA+SHA256", EVP_PKEY_EC}}) {
      const auto client = client_context();
      ASSERT_EQ(SSL_CTX_set1_sigalgs_list(client.get(), algorithms), 1);
      TlsPair pair(order, client.get());
      ASSERT_EQ(pair.shake_hands(), Progress::done);
      const Owned<X509> certificate(SSL_get1_peer_certificate(pair.client()));
      EXPECT_EQ(EVP_PKEY_get_base_id(X509_get0_pubkey(certificate.get())), type);
    }
}

INSTANTIATE_TEST_SUITE_P(Names, ContextHasBothKinds, testing::Values("DNS:x", "IP:10.0.0.1"));

TEST(Context, RefusesTwoCertificatesOfOneKindForOneName) {
  const TlsIdentity one({.name = "DNS:x, DNS:y"}), other({.name = "DNS:y, DNS:z"});
  try {
    context_of({&one, &other});
    FAIL() << "both were accepted";
  } catch (const ContextError& error) {
    EXPECT_EQ(error.identity(), 1U);
    EXPECT_THAT(error.what(), HasSubstr("are both ECDSA certificates for y"));
  }
}

struct Refused {
  int version;
  const char* ciphers;
  const char* protocols;  // as in the extension; empty: none
  TlsHandshake result;
};

class ContextRefuses : public testing::TestWithParam<Refused> {};

TEST_P(ContextRefuses, AClient) {
  const auto& [version, ciphers, protocols, result] = GetParam();
  const TlsIdentity ec, rsa({.rsa_bits = 2048});
  const auto client = client_context();
  SSL_CTX_set_security_level(client.get(), 0);
  SSL_CTX_set_max_proto_version(client.get(), version);
  ASSERT_EQ(SSL_CTX_set_cipher_list(client.get(), ciphers), 1);
  const std::string_view offered(protocols);
  SSL_CTX_set_alpn_protos(client.get(), reinterpret_cast<const unsigned char*>(offered.data()),
                          static_cast<unsigned>(offered.size()));
  TlsPair pair(context_of({&ec, &rsa}), client.get());
  EXPECT_EQ(pair.shake_hands(), Progress::failed);
  EXPECT_EQ(pair.stream().result(), result);
}

INSTANTIATE_TEST_SUITE_P(
    Clients, ContextRefuses,
    testing::Values(Refused{TLS1_VERSION, "ALL", "", TlsHandshake::version},
                    Refused{TLS1_1_VERSION, "ALL", "", TlsHandshake::version},
                    Refused{TLS1_2_VERSION, "AES128-GCM-SHA256", "", TlsHandshake::cipher},
                    Refused{TLS1_2_VERSION, "DHE+AESGCM", "", TlsHandshake::cipher},
                    Refused{TLS1_2_VERSION, "ECDHE-RSA-AES128-SHA", "", TlsHandshake::cipher},
                    Refused{TLS1_3_VERSION, "ALL", "\x02h2", TlsHandshake::alpn},
                    Refused{TLS1_2_VERSION, "ALL", "\x08http/1.0\x02h2", TlsHandshake::alpn}));

/// A session of a client, with a ticket.
using Session = std::unique_ptr<SSL_SESSION, decltype(&SSL_SESSION_free)>;

/// Shakes hands with the session, if there is one. Returns a new one and the result.
std::pair<Session, TlsHandshake> connect(const std::shared_ptr<const Context>& context,
                                         SSL_CTX* client, const Session* session) {
  TlsPair pair(context, client);
  if (session != nullptr) SSL_set_session(pair.client(), session->get());
  EXPECT_EQ(pair.shake_hands(), Progress::done);
  pair.received();  // takes the ticket
  SSL_set_shutdown(pair.client(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
  return {Session(SSL_get1_session(pair.client()), &SSL_SESSION_free), pair.stream().result()};
}

class ContextResumes : public testing::TestWithParam<int> {};

TEST_P(ContextResumes, SessionsUntilTheKeysAreTooOld) {
  TicketKeys::Clock::time_point now{std::chrono::hours(1000)};
  const auto keys = std::make_shared<TicketKeys>([&] { return now; });
  const TlsIdentity fake, next;
  const auto context = context_of({&fake}, keys);
  const auto client = client_context();
  SSL_CTX_set_max_proto_version(client.get(), GetParam());
  const auto [session, result] = connect(context, client.get(), nullptr);
  EXPECT_EQ(result, TlsHandshake::ok);
  EXPECT_EQ(connect(context, client.get(), &session).second, TlsHandshake::resumed);
  // Other settings with the same keys, as after a reload.
  EXPECT_EQ(connect(context_of({&next}, keys), client.get(), &session).second,
            TlsHandshake::resumed);
  now += TicketKeys::period;
  auto [renewed, again] = connect(context, client.get(), &session);
  EXPECT_EQ(again, TlsHandshake::resumed);
  now += TicketKeys::period;
  EXPECT_EQ(connect(context, client.get(), &session).second, TlsHandshake::ok);
  EXPECT_EQ(connect(context, client.get(), &renewed).second, TlsHandshake::resumed);
}

TEST_P(ContextResumes, NoSessionOfOtherKeys) {
  const TlsIdentity fake;
  const auto client = client_context();
  SSL_CTX_set_max_proto_version(client.get(), GetParam());
  const auto [session, result] = connect(context_of({&fake}), client.get(), nullptr);
  EXPECT_EQ(connect(context_of({&fake}), client.get(), &session).second, TlsHandshake::ok);
}

INSTANTIATE_TEST_SUITE_P(Versions, ContextResumes, testing::Values(TLS1_2_VERSION, TLS1_3_VERSION));

}  // namespace
}  // namespace entrepot::http::tls
