// SPDX-License-Identifier: Apache-2.0
#include "proxy/access/login/keyed_hash.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <cstring>
#include <memory>
#include <stdexcept>

namespace entrepot::access {
namespace {

struct FreeMacContext {
  void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
};

/// A context of this thread, nullptr if OpenSSL has no BLAKE2b. Every computation sets its key
/// again.
EVP_MAC_CTX* context_of_thread() {
  static thread_local const std::unique_ptr<EVP_MAC_CTX, FreeMacContext> context = [] {
    EVP_MAC* algorithm = EVP_MAC_fetch(nullptr, OSSL_MAC_NAME_BLAKE2BMAC, nullptr);
    EVP_MAC_CTX* made = algorithm == nullptr ? nullptr : EVP_MAC_CTX_new(algorithm);
    EVP_MAC_free(algorithm);  // the context has a reference of its own
    return std::unique_ptr<EVP_MAC_CTX, FreeMacContext>(made);
  }();
  return context.get();
}

/// The texts, each behind its length, in a buffer that is wiped at the end.
class Input {
 public:
  ~Input() { OPENSSL_cleanse(bytes_.data(), size_); }
  bool add(std::string_view text) {
    const std::uint64_t length = text.size();
    if (text.size() > KeyedHash::max_input || size_ + sizeof length + length > bytes_.size())
      return false;
    std::memcpy(bytes_.data() + size_, &length, sizeof length);
    // An empty text may have no address, which memcpy() must not get.
    if (!text.empty()) std::memcpy(bytes_.data() + size_ + sizeof length, text.data(), text.size());
    size_ += sizeof length + text.size();
    return true;
  }
  const std::uint8_t* data() const { return bytes_.data(); }
  std::size_t size() const { return size_; }

 private:
  std::array<std::uint8_t, KeyedHash::max_input> bytes_;  // the first size_ bytes have a value
  std::size_t size_ = 0;
};

}  // namespace

KeyedHash::KeyedHash() {
  if (RAND_bytes(key_.data(), static_cast<int>(key_.size())) != 1)
    throw std::runtime_error("OpenSSL has no random bytes for the memory of logins");
  if (!of({})) throw std::runtime_error("OpenSSL has no BLAKE2b for the memory of logins");
}

KeyedHash::~KeyedHash() { OPENSSL_cleanse(key_.data(), key_.size()); }

std::optional<KeyedHash::Value> KeyedHash::of(std::span<const std::string_view> texts) const {
  Input input;
  for (const std::string_view text : texts)
    if (!input.add(text)) return std::nullopt;
  Value value{};
  std::size_t value_size = sizeof value;
  const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &value_size),
                                   OSSL_PARAM_construct_end()};
  EVP_MAC_CTX* const context = context_of_thread();
  std::array<std::uint8_t, sizeof value> bytes{};
  std::size_t written = 0;
  if (context == nullptr || EVP_MAC_init(context, key_.data(), key_.size(), parameters) != 1 ||
      EVP_MAC_update(context, input.data(), input.size()) != 1 ||
      EVP_MAC_final(context, bytes.data(), &written, bytes.size()) != 1 || written != bytes.size())
    return std::nullopt;
  std::memcpy(value.data(), bytes.data(), bytes.size());
  return value;
}

}  // namespace entrepot::access
