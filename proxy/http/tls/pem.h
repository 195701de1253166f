// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/http/tls/openssl.h"

namespace entrepot::http::tls {

/// A file of a certificate or a key cannot be used. what() names the file and the remedy.
class PemError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Blocking reads of small files. Any thread. Throw PemError.

/// The certificates of a PEM file in their order; at least one.
std::vector<Owned<X509>> read_certificates(const std::filesystem::path& file);

struct KeyFile {
  Owned<EVP_PKEY> key;
  bool public_file;  ///< every user can read it
};
/// The private key of a PEM file. An encrypted key is refused, because the process starts without a
/// person who could type its password.
KeyFile read_key(const std::filesystem::path& file);

}  // namespace entrepot::http::tls
