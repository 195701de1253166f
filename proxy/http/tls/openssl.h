// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

namespace entrepot::http::tls {

/// Frees an object of OpenSSL.
struct Free {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(X509_STORE* store) const { X509_STORE_free(store); }
  void operator()(SSL* connection) const { SSL_free(connection); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(EVP_CIPHER* cipher) const { EVP_CIPHER_free(cipher); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

/// The last error of OpenSSL on this thread in words, such as "ca md too weak"; empties its list of
/// errors.
std::string last_error();

}  // namespace entrepot::http::tls
