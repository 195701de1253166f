// SPDX-License-Identifier: Apache-2.0
#include "proxy/base/secret.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <stdexcept>

namespace entrepot {

void wipe(std::string& secret) {
  secret.resize(secret.capacity());
  OPENSSL_cleanse(secret.data(), secret.size());
  secret.clear();
}

SecretMarks::SecretMarks() {
  if (RAND_bytes(key_.data(), static_cast<int>(key_.size())) != 1)
    throw std::runtime_error("OpenSSL has no random numbers; check its installation");
}

SecretMarks::~SecretMarks() { OPENSSL_cleanse(key_.data(), key_.size()); }

std::string SecretMarks::of(std::string_view secret) const {
  std::string mark(32, '\0');
  unsigned int length = 0;
  if (HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
           reinterpret_cast<const unsigned char*>(secret.data()), secret.size(),
           reinterpret_cast<unsigned char*>(mark.data()), &length) == nullptr)
    throw std::runtime_error("OpenSSL cannot compute HMAC-SHA-256; check its installation");
  return mark;
}

}  // namespace entrepot
