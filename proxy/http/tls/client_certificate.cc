// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/tls/client_certificate.h"

#include <openssl/bn.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <utility>

#include "proxy/base/text.h"

namespace entrepot::http::tls {
namespace {

constexpr std::size_t most_names = 64;
constexpr std::size_t longest_name = 255;

void add(std::vector<std::string>& names, std::string_view kind, std::string_view name) {
  const bool printable = std::all_of(name.begin(), name.end(), [](char c) {
    return static_cast<unsigned char>(c) >= ' ' && c != '\x7f';
  });
  if (name.empty() || name.size() > longest_name || !printable || names.size() >= most_names)
    return;
  names.push_back(std::string(kind) + "=" + std::string(name));
}

std::string_view text_of(const ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(ASN1_STRING_length(text))};
}

void add_subject(std::vector<std::string>& names, const X509& certificate) {
  const X509_NAME* subject = X509_get_subject_name(&certificate);
  for (const auto& [id, kind] : {std::pair(NID_commonName, "CN"),
                                 {NID_organizationName, "O"},
                                 {NID_organizationalUnitName, "OU"}}) {
    for (int at = -1; (at = X509_NAME_get_index_by_NID(subject, id, at)) >= 0;) {
      unsigned char* utf8 = nullptr;
      const int size =
          ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
      if (size < 0) continue;
      add(names, kind, {reinterpret_cast<const char*>(utf8), static_cast<std::size_t>(size)});
      OPENSSL_free(utf8);
    }
  }
}

void add_alternatives(std::vector<std::string>& names, const X509& certificate) {
  auto* alternatives = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; i < sk_GENERAL_NAME_num(alternatives); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(alternatives, i);
    if (name->type == GEN_DNS) add(names, "DNS", lower_case(text_of(name->d.dNSName)));
    if (name->type == GEN_URI) add(names, "URI", text_of(name->d.uniformResourceIdentifier));
    if (name->type == GEN_EMAIL) add(names, "EMAIL", text_of(name->d.rfc822Name));
  }
  GENERAL_NAMES_free(alternatives);
}

void add_serial_number(std::vector<std::string>& names, const X509& certificate) {
  BIGNUM* number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(&certificate), nullptr);
  char* hex = number == nullptr ? nullptr : BN_bn2hex(number);
  names.push_back("SERIAL=" + std::string(hex == nullptr ? "" : hex));
  OPENSSL_free(hex);
  BN_free(number);
}

}  // namespace

std::vector<std::string> names_of(const X509& certificate) {
  std::vector<std::string> names;
  add_subject(names, certificate);
  add_alternatives(names, certificate);
  add_serial_number(names, certificate);
  return names;
}

std::string_view fault_of_verification(long result) {
  switch (result) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "client certificate, or one of its issuers, has expired";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "client certificate, or one of its issuers, is not valid yet";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      return "client certificate of no authority in client_ca";
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return "client certificate with a wrong signature";
    case X509_V_ERR_INVALID_PURPOSE:
      return "client certificate that is not for clients (extended key usage)";
    case X509_V_ERR_EE_KEY_TOO_SMALL:
    case X509_V_ERR_CA_KEY_TOO_SMALL:
    case X509_V_ERR_CA_MD_TOO_WEAK:
      return "client certificate with a weak key or signature";
    default:
      return "client certificate is not valid";
  }
}

}  // namespace entrepot::http::tls
