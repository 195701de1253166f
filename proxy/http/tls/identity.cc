// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/tls/identity.h"

#include <arpa/inet.h>
#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <optional>
#include <utility>

#include "proxy/base/text.h"
#include "proxy/http/tls/pem.h"

namespace entrepot::http::tls {
namespace {

using TimePoint = std::chrono::system_clock::time_point;

constexpr int least_rsa_bits = 2048;

std::optional<TimePoint> time_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
  return std::chrono::system_clock::from_time_t(::timegm(&parts));
}

std::string date_of(TimePoint time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, sizeof("2027-01-31")> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%d", &parts);
  return text.data();
}

std::string address_of(const ASN1_OCTET_STRING* bytes) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  constexpr int v4 = 4, v6 = 16;
  const int size = ASN1_STRING_length(bytes);
  if (size != v4 && size != v6) return {};
  inet_ntop(size == v4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(bytes), text.data(),
            text.size());
  return text.data();
}

void read_names(Identity& identity) {
  auto* names = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(identity.chain.front().get(), NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
    if (name->type == GEN_DNS) {
      const auto* text = reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName));
      const auto size = static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName));
      identity.hosts.push_back(lower_case({text, size}));
    } else if (name->type == GEN_IPADD) {
      identity.addresses.push_back(address_of(name->d.iPAddress));
    }
  }
  GENERAL_NAMES_free(names);
}

std::optional<KeyType> type_of(const EVP_PKEY* key) {
  switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
      return KeyType::rsa;
    case EVP_PKEY_EC:
      return KeyType::ec;
    case EVP_PKEY_ED25519:
      return KeyType::ed25519;
    default:
      return std::nullopt;
  }
}

bool matches(X509* certificate, EVP_PKEY* key) {
  const bool match = X509_check_private_key(certificate, key) == 1;
  ERR_clear_error();
  return match;
}

/// Checks one Identity, whose files have been read.
class Checks {
 public:
  Checks(const Identity& identity, IdentityFaults& faults) : identity_(identity), faults_(faults) {}

  void key_belongs() {
    const auto& chain = identity_.chain;
    EVP_PKEY* key = identity_.key.get();
    if (matches(chain.front().get(), key)) return;
    const auto owner = std::find_if(chain.begin(), chain.end(),
                                    [&](const auto& one) { return matches(one.get(), key); });
    if (owner == chain.end())
      return error(IdentityPart::key, identity_.files.key.string() +
                                          " is the key of another certificate than " +
                                          certificate_file());
    error(IdentityPart::certificate,
          "the certificate of the key is number " + std::to_string(owner - chain.begin() + 1) +
              " in " + certificate_file() + "; it must be the first, then its issuers");
  }

  void chain_in_order() {
    const auto& chain = identity_.chain;
    for (std::size_t i = 1; i < chain.size(); ++i) {
      if (X509_check_issued(chain[i].get(), chain[i - 1].get()) == X509_V_OK) continue;
      return error(IdentityPart::certificate,
                   "certificate " + std::to_string(i + 1) + " in " + certificate_file() +
                       " has not issued certificate " + std::to_string(i) +
                       "; the order is: the server's, its issuer, the issuer of that");
    }
  }

  void key_is_strong() {
    const auto type = type_of(identity_.key.get());
    const int bits = EVP_PKEY_get_bits(identity_.key.get());
    if (!type)
      error(IdentityPart::key,
            identity_.files.key.string() + " is neither an RSA, an ECDSA nor an Ed25519 key");
    else if (*type == KeyType::rsa && bits < least_rsa_bits)
      error(IdentityPart::key, identity_.files.key.string() + " is an RSA key of " +
                                   std::to_string(bits) + " bits; at least 2048 are needed");
  }

  void valid_at(TimePoint now) {
    const auto begin = time_of(X509_get0_notBefore(identity_.chain.front().get()));
    if (now >= identity_.end)
      warn(certificate_file() + " has expired on " + date_of(identity_.end) +
           "; clients refuse it");
    else if (begin && now < *begin)
      warn(certificate_file() + " is not valid before " + date_of(*begin) + "; clients refuse it");
  }

  void names_something() {
    if (identity_.hosts.empty() && identity_.addresses.empty())
      warn(certificate_file() + " names no host (subjectAltName); clients refuse it");
  }

 private:
  std::string certificate_file() const { return identity_.files.certificate.string(); }
  void error(IdentityPart part, std::string text) {
    faults_.errors.push_back({part, std::move(text)});
  }
  void warn(std::string text) {
    faults_.warnings.push_back({IdentityPart::certificate, std::move(text)});
  }

  const Identity& identity_;
  IdentityFaults& faults_;
};

/// Calls `read` and adds what it throws to the faults of `part`.
template <typename Read>
void try_read(IdentityPart part, IdentityFaults& faults, Read read) {
  try {
    read();
  } catch (const PemError& error) {
    faults.errors.push_back({part, error.what()});
  }
}

}  // namespace

std::string_view to_string(KeyType type) {
  constexpr std::array<std::string_view, 3> names{"RSA", "ECDSA", "Ed25519"};
  return names[static_cast<std::size_t>(type)];
}

Identity load_identity(const IdentityFiles& files, TimePoint now, IdentityFaults& faults) {
  Identity identity;
  identity.files = files;
  try_read(IdentityPart::certificate, faults,
           [&] { identity.chain = read_certificates(files.certificate); });
  try_read(IdentityPart::key, faults, [&] {
    KeyFile file = read_key(files.key);
    identity.key = std::move(file.key);
    if (file.public_file)
      faults.warnings.push_back(
          {IdentityPart::key,
           files.key.string() + " can be read by every user; chmod it to 0400 or 0600"});
  });
  if (identity.chain.empty() || identity.key == nullptr) return identity;
  read_names(identity);
  identity.type = type_of(identity.key.get()).value_or(KeyType::rsa);
  identity.end = time_of(X509_get0_notAfter(identity.chain.front().get())).value_or(TimePoint{});
  Checks checks(identity, faults);
  checks.key_belongs();
  checks.chain_in_order();
  checks.key_is_strong();
  checks.valid_at(now);
  checks.names_something();
  return identity;
}

std::string describe(const Identity& identity) {
  std::string text;
  for (const auto* names : {&identity.hosts, &identity.addresses})
    for (const auto& name : *names) text += (text.empty() ? "" : ", ") + name;
  if (text.empty()) text = "no name";
  return text + " (" + std::string(to_string(identity.type)) + ") until " + date_of(identity.end);
}

}  // namespace entrepot::http::tls
