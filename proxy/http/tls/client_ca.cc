// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/tls/client_ca.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <utility>

#include "metrics/check.h"
#include "proxy/http/tls/pem.h"

namespace entrepot::http::tls {
namespace {

Owned<X509_STORE> store_of(const std::vector<Owned<X509>>& certificates) {
  Owned<X509_STORE> store(X509_STORE_new());
  check(store != nullptr, "X509_STORE_new");
  for (const auto& certificate : certificates)
    check(X509_STORE_add_cert(store.get(), certificate.get()) == 1, "X509_STORE_add_cert");
  // Without it, an intermediate authority alone would be trusted only together with its root.
  X509_STORE_set_flags(store.get(), X509_V_FLAG_PARTIAL_CHAIN);
  return store;
}

}  // namespace

ClientCa::ClientCa(std::filesystem::path file, Demand demand)
    : file_(std::move(file)),
      demand_(demand),
      certificates_(read_certificates(file_)),
      store_(store_of(certificates_)) {
  std::vector<unsigned char> text{static_cast<unsigned char>(demand_)};
  for (const auto& certificate : certificates_) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int size = 0;
    check(X509_digest(certificate.get(), EVP_sha256(), digest.data(), &size) == 1, "X509_digest");
    text.insert(text.end(), digest.begin(), digest.begin() + size);
  }
  check(EVP_Digest(text.data(), text.size(), digest_.data(), nullptr, EVP_sha256(), nullptr) == 1,
        "EVP_Digest");
}

std::vector<std::string> ClientCa::warnings() const {
  std::vector<std::string> warnings;
  for (std::size_t i = 0; i < certificates_.size(); ++i) {
    X509* const certificate = certificates_[i].get();
    const std::string name = "certificate " + std::to_string(i + 1) + " in " + file_.string();
    if (X509_check_ca(certificate) == 0)
      warnings.push_back(name + " is no authority; only a client with this very one is accepted");
    if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0)
      warnings.push_back(name + " has expired; clients with a certificate of it are refused");
  }
  ERR_clear_error();
  return warnings;
}

void ClientCa::apply(SSL_CTX& context) const {
  SSL_CTX_set1_verify_cert_store(&context, store_.get());
  // Clients with several certificates choose by these names (RFC 8446 section 4.2.4).
  for (const auto& certificate : certificates_)
    check(SSL_CTX_add_client_CA(&context, certificate.get()) == 1, "SSL_CTX_add_client_CA");
  SSL_CTX_set_verify(&context,
                     SSL_VERIFY_PEER | SSL_VERIFY_CLIENT_ONCE |
                         (demand_ == Demand::required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                     nullptr);
  check(SSL_CTX_set_session_id_context(&context, digest_.data(),
                                       static_cast<unsigned int>(digest_.size())) == 1,
        "SSL_CTX_set_session_id_context");
}

}  // namespace entrepot::http::tls
