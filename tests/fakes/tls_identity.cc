// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/tls_identity.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>

namespace entrepot::fakes {
namespace {

void require_tls(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

void extend(X509* certificate, int id, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, id, value.c_str());
  require_tls(extension != nullptr, "a certificate extension cannot be made");
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

Certificate make_certificate(const TlsIdentity::Options& options, EVP_PKEY* key) {
  Certificate certificate(X509_new(), &X509_free);
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -7200);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), options.lifetime);
  X509_NAME* name = X509_get_subject_name(certificate.get());
  const auto* text = reinterpret_cast<const unsigned char*>("entrepot test");
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, text, -1, -1, 0);
  X509_set_issuer_name(certificate.get(), name);
  X509_set_pubkey(certificate.get(), key);
  extend(certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
  extend(certificate.get(), NID_subject_alt_name, options.name);
  require_tls(X509_sign(certificate.get(), key, EVP_sha256()) > 0,
              "a certificate cannot be signed");
  return certificate;
}

/// Makes a file whose content `write` writes.
template <typename Write>
std::string write_pem(Write write) {
  std::string path = (std::filesystem::temp_directory_path() / "entrepot-ca-XXXXXX").string();
  const int fd = ::mkstemp(path.data());
  require_tls(fd >= 0, "a temporary file cannot be made");
  FILE* file = ::fdopen(fd, "w");
  require_tls(write(file) == 1, "a PEM file cannot be written");
  std::fclose(file);
  return path;
}

}  // namespace

TlsIdentity::TlsIdentity(const Options& options) : context_(SSL_CTX_new(TLS_server_method())) {
  const Key key(options.rsa_bits > 0 ? EVP_RSA_gen(options.rsa_bits) : EVP_EC_gen("P-256"),
                &EVP_PKEY_free);
  require_tls(key != nullptr, "a key cannot be made");
  const Certificate certificate = make_certificate(options, key.get());
  // OpenSSL's default security level offers no old versions, and takes no short keys.
  if (options.max_version != 0 || options.rsa_bits > 0) SSL_CTX_set_security_level(context_, 0);
  SSL_CTX_set_max_proto_version(context_, options.max_version);
  require_tls(SSL_CTX_use_certificate(context_, certificate.get()) == 1 &&
                  SSL_CTX_use_PrivateKey(context_, key.get()) == 1,
              "a certificate cannot be used");
  ca_file_ = write_pem([&](FILE* file) { return PEM_write_X509(file, certificate.get()); });
  key_file_ = write_pem([&](FILE* file) {
    return PEM_write_PrivateKey(file, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
}

TlsIdentity::~TlsIdentity() {
  SSL_CTX_free(context_);
  std::filesystem::remove(ca_file_);
  std::filesystem::remove(key_file_);
}

}  // namespace entrepot::fakes
