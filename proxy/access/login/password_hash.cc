// SPDX-License-Identifier: Apache-2.0
#include "proxy/access/login/password_hash.h"

#include <crypt.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <cstdint>
#include <memory>

#include "proxy/base/text.h"

namespace entrepot::access {
namespace {

constexpr std::size_t bcrypt_size = 60;
constexpr std::uint64_t lowest_cost = 4;
constexpr std::uint64_t highest_cost = 17;
constexpr std::uint64_t fewest_rounds = 1000;
constexpr std::uint64_t most_rounds = 1'000'000;
constexpr std::size_t longest_salt = 16;
constexpr std::uint64_t most_memory_log2 = 26;  // 64 MiB
constexpr std::size_t longest_yescrypt_salt = 86;
constexpr std::size_t yescrypt_result = 43;

constexpr std::string_view again = "; make it again by `htpasswd -B`";

/// The alphabet of crypt(): its index is the value of a character.
constexpr std::string_view alphabet =
    "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

bool in_alphabet(std::string_view text) {
  return text.find_first_not_of(alphabet) == std::string_view::npos;
}

std::string incomplete(std::string_view kind) {
  return std::string(kind) + " that is not complete: copy the whole line that htpasswd printed";
}

/// `$2y$COST$` and 53 characters: 22 of the salt, 31 of the result.
std::optional<std::string> fault_of_bcrypt(std::string_view hash) {
  if (hash.size() != bcrypt_size || hash[6] != '$' || !in_alphabet(hash.substr(7)))
    return incomplete("bcrypt");
  const auto cost = parse_number(hash.substr(4, 2));
  if (!cost || *cost < lowest_cost || *cost > highest_cost)
    return "bcrypt with a cost outside of 4 to 17; make it again by `htpasswd -B -C 10`";
  return std::nullopt;
}

/// `$5$[rounds=N$]SALT$RESULT`.
std::optional<std::string> fault_of_sha_crypt(std::string_view hash) {
  const std::size_t result_size = hash[1] == '5' ? 43 : 86;
  constexpr std::string_view rounds_key = "rounds=";
  std::string_view rest = hash.substr(3);
  if (rest.starts_with(rounds_key)) {
    const std::size_t end = std::min(rest.find('$'), rest.size());
    const auto rounds = parse_number(rest.substr(rounds_key.size(), end - rounds_key.size()));
    if (!rounds || *rounds < fewest_rounds || *rounds > most_rounds)
      return "SHA-crypt with rounds outside of 1000 to 1000000" + std::string(again);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  const std::size_t end = rest.find('$');
  if (end > longest_salt || !in_alphabet(rest.substr(0, end))) return incomplete("SHA-crypt");
  const std::string_view result = rest.substr(end + 1);
  if (result.size() != result_size || !in_alphabet(result)) return incomplete("SHA-crypt");
  return std::nullopt;
}

/// `$y$jNR$SALT$RESULT`: N and R are one character each, N = 2^(1 + value), R = 1 + value, and the
/// memory is 128 * N * R bytes. Further parameters have further characters and are not accepted.
std::optional<std::string> fault_of_yescrypt(std::string_view hash) {
  const std::string_view rest = hash.substr(3);
  const std::size_t salt_at = rest.find('$');
  const std::size_t result_at = salt_at == rest.npos ? salt_at : rest.find('$', salt_at + 1);
  if (result_at == rest.npos) return incomplete("yescrypt");
  const std::string_view salt = rest.substr(salt_at + 1, result_at - salt_at - 1);
  const std::string_view result = rest.substr(result_at + 1);
  if (salt.empty() || salt.size() > longest_yescrypt_salt || !in_alphabet(salt) ||
      result.size() != yescrypt_result || !in_alphabet(result))
    return incomplete("yescrypt");
  const std::string unusual =
      "yescrypt with other parameters than cost 1 to 7" + std::string(again);
  if (salt_at != 3 || rest[0] != 'j') return unusual;
  const std::size_t size_log2 = alphabet.find(rest[1]);
  const std::size_t block = alphabet.find(rest[2]);
  // Values from 48 on are the first of several characters.
  if (size_log2 >= 48 || block >= 48) return unusual;
  const std::size_t memory_log2 = 7 + (size_log2 + 1);
  if (memory_log2 > most_memory_log2 || ((block + 1) << memory_log2) > 1U << most_memory_log2)
    return unusual;
  return std::nullopt;
}

/// Names a hash that verify() does not accept.
std::string fault_of_other(std::string_view hash) {
  if (hash.empty()) return "no hash behind the colon" + std::string(again);
  if (hash.starts_with("$apr1$")) return "MD5 (apr1)" + std::string(again);
  if (hash.starts_with("$1$")) return "MD5" + std::string(again);
  if (hash.starts_with("{SHA}")) return "SHA-1 without salt" + std::string(again);
  if (hash.starts_with("$2")) return "an old form of bcrypt" + std::string(again);
  if (hash.starts_with('$')) return "a hash of unknown form" + std::string(again);
  if (hash.size() == 13 && in_alphabet(hash)) return "DES (crypt)" + std::string(again);
  return "no hash of a password that is known; maybe plain text" + std::string(again);
}

struct WipedCryptData {
  ~WipedCryptData() { OPENSSL_cleanse(&data, sizeof data); }
  crypt_data data{};
};

}  // namespace

std::optional<std::string> fault_of_hash(std::string_view hash) {
  if (hash.starts_with("$2y$") || hash.starts_with("$2b$") || hash.starts_with("$2a$"))
    return fault_of_bcrypt(hash);
  if (hash.starts_with("$5$") || hash.starts_with("$6$")) return fault_of_sha_crypt(hash);
  if (hash.starts_with("$y$")) return fault_of_yescrypt(hash);
  return fault_of_other(hash);
}

bool verify(const std::string& password, const std::string& hash) {
  if (password.size() > longest_password || password.find('\0') != password.npos) return false;
  if (fault_of_hash(hash)) return false;
  // 32 KiB: too large for the stack of a pool thread's caller.
  const auto work = std::make_unique<WipedCryptData>();
  const char* made = ::crypt_r(password.c_str(), hash.c_str(), &work->data);
  if (made == nullptr) return false;
  const std::string_view result(made);
  return result.size() == hash.size() &&
         CRYPTO_memcmp(result.data(), hash.data(), hash.size()) == 0;
}

}  // namespace entrepot::access
