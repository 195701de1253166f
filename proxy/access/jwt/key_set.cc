// SPDX-License-Identifier: Apache-2.0
#include "proxy/access/jwt/key_set.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <utility>

#include "proxy/access/jwt/json_object.h"
#include "proxy/access/jwt/jwk.h"
#include "proxy/access/jwt/openssl_pointers.h"

namespace entrepot::access {
namespace {

std::string key_place(std::size_t index) { return "keys[" + std::to_string(index) + "]"; }

/// Adds a key to `keys`, or its problem.
void add(std::variant<PublicKey, Fault> key, std::size_t index, std::vector<PublicKey>& keys,
         Problems& problems) {
  if (const auto* fault = std::get_if<Fault>(&key))
    problems.add(key_place(index), fault->text);
  else
    keys.push_back(std::get<PublicKey>(std::move(key)));
}

void read_set(std::string_view text, std::vector<PublicKey>& keys, Problems& problems) {
  const auto set = parse_json_object(text);
  if (!set || !set->contains("keys") || !(*set)["keys"].is_array()) {
    problems.add("", "no JWK Set; the file is {\"keys\": [...]}, each key and each name once");
    return;
  }
  std::size_t index = 0;
  for (const auto& entry : (*set)["keys"]) {
    if (auto key = key_of_jwk(entry)) add(*std::move(key), index, keys, problems);
    ++index;
  }
}

/// A block of a PEM file.
class PemBlock {
 public:
  PemBlock() = default;
  PemBlock(const PemBlock&) = delete;
  PemBlock& operator=(const PemBlock&) = delete;
  ~PemBlock() { clear(); }

  /// False at the end, and for a block with a fault.
  bool read(BIO* source) {
    clear();
    return PEM_read_bio(source, &name_, &header_, &data_, &size_) == 1;
  }
  std::variant<PublicKey, Fault> key() const {
    if (std::string_view(name_) != PEM_STRING_PUBLIC)
      return Fault{"is " + quoted(name_) +
                   "; write \"PUBLIC KEY\", as `openssl pkey -pubout` does"};
    const unsigned char* at = data_;
    EVP_PKEY* key = d2i_PUBKEY(nullptr, &at, size_);
    ERR_clear_error();
    if (key == nullptr) return Fault{"is no public key; copy it once more"};
    return PublicKey::take({key, &EVP_PKEY_free});
  }

 private:
  void clear() {
    for (void* part :
         {static_cast<void*>(name_), static_cast<void*>(header_), static_cast<void*>(data_)})
      OPENSSL_free(part);
    name_ = header_ = nullptr;
    data_ = nullptr;
  }

  char* name_ = nullptr;
  char* header_ = nullptr;
  unsigned char* data_ = nullptr;
  long size_ = 0;
};

void read_pem(std::string_view text, std::vector<PublicKey>& keys, Problems& problems) {
  if (text.find("PRIVATE KEY-----") != text.npos) {
    problems.add("",
                 "has a private key; only the issuer may have it. Make the public one by "
                 "`openssl pkey -pubout`");
    return;
  }
  const openssl::Bio source(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  ERR_clear_error();
  std::size_t index = 0;
  for (PemBlock block; source && block.read(source.get()); ++index)
    add(block.key(), index, keys, problems);
  const auto error = ERR_peek_last_error();
  const bool at_end =
      ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (!at_end) problems.add(key_place(index), "is no PEM; copy it once more");
}

}  // namespace

std::variant<KeySet, std::vector<Problem>> KeySet::parse(std::string_view text) {
  if (text.size() > max_size)
    return std::vector<Problem>{{"", "larger than 1 MiB, so this is no file of keys"}};
  Problems problems;
  std::vector<PublicKey> keys;
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first != text.npos && text[first] == '{')
    read_set(text, keys, problems);
  else
    read_pem(text, keys, problems);
  if (keys.size() > max_keys)
    problems.add("", "more than " + std::to_string(max_keys) + " keys; remove those of the past");
  if (keys.empty() && !problems.any())
    problems.add("",
                 "no key that verifies a token; it needs a public key of RSA, P-256, P-384 or "
                 "Ed25519, as JWK Set or PEM");
  if (problems.any()) return problems.take();
  return KeySet(std::move(keys));
}

KeySet::Result KeySet::verify(JwtAlgorithm algorithm, const std::optional<std::string>& id,
                              std::string_view text, std::string_view signature) const {
  auto result = Result::unknown;
  for (const PublicKey& key : keys_) {
    if (!key.serves(algorithm, id)) continue;
    if (key.verify(algorithm, text, signature)) return Result::right;
    result = Result::wrong;
  }
  return result;
}

}  // namespace entrepot::access
