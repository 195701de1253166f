// SPDX-License-Identifier: Apache-2.0
#include "proxy/base/secret.h"

#include <openssl/crypto.h>

namespace entrepot {

void wipe(std::string& secret) {
  secret.resize(secret.capacity());
  OPENSSL_cleanse(secret.data(), secret.size());
  secret.clear();
}

}  // namespace entrepot
