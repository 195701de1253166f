// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/wire/credential.h"

#include <openssl/evp.h>

#include <utility>

#include "proxy/base/secret.h"

namespace entrepot::upstream {

Credential::Credential(std::string user, std::string secret)
    : username(std::move(user)), password(std::move(secret)) {}

Credential::~Credential() {
  wipe(username);
  wipe(password);
}

std::string Credential::basic() const {
  std::string plain = username + ":" + password;
  // EVP_EncodeBlock writes 4 bytes for each begun 3, and a NUL.
  std::string encoded((plain.size() + 2) / 3 * 4 + 1, '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()),
                                     reinterpret_cast<const unsigned char*>(plain.data()),
                                     static_cast<int>(plain.size()));
  encoded.resize(static_cast<std::size_t>(length));
  wipe(plain);
  std::string value = "Basic " + encoded;
  wipe(encoded);
  return value;
}

}  // namespace entrepot::upstream
