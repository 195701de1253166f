// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/cache_cli/admin_client.h"

#include <curl/curl.h>
#include <openssl/x509_vfy.h>

#include <array>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>

#include "conf/grammar.h"
#include "metrics/printable.h"

namespace entrepot::app {
namespace {

using ErrorText = std::array<char, CURL_ERROR_SIZE>;

constexpr int unauthorized = 401;

/// The reason of a failure; libcurl has no words for those to connect to a unix socket.
std::string explanation(CURL* easy, CURLcode result, bool is_unix, const ErrorText& text) {
  long error = 0;
  curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &error);
  if (result == CURLE_COULDNT_CONNECT && is_unix && error != 0)
    return std::generic_category().message(static_cast<int>(error));
  return text[0] != '\0' ? printable(text.data()) : curl_easy_strerror(result);
}

/// The remedy for a certificate with which OpenSSL finds `fault` (X509_V_ERR_…).
std::string remedy(const AdminTarget& target, long fault) {
  if (fault == X509_V_ERR_CERT_HAS_EXPIRED || fault == X509_V_ERR_CERT_NOT_YET_VALID)
    return "renew it, or correct the clock of this machine";
  if (target.own_certificates.empty())
    return "give --ca FILE with the authority that has signed it, and a name or address that it "
           "has";
  return "it is none of admin.tls.certificates of this configuration: give that of the process "
         "with "
         "--config";
}

[[noreturn]] void fail(const AdminTarget& target, CURLcode result, const std::string& why,
                       long fault) {
  const std::string whom = "the admin listener on " + target.address;
  if (result == CURLE_PEER_FAILED_VERIFICATION || result == CURLE_SSL_ISSUER_ERROR)
    throw std::runtime_error(whom + " shows a certificate that is not trusted (" + why + "); " +
                             remedy(target, fault));
  if (target.tls && target.access.certificate == std::nullopt &&
      why.find("certificate required") != why.npos)
    throw std::runtime_error(whom + " demands a client certificate (" + why +
                             "); give --client-cert FILE and --client-key FILE");
  throw std::runtime_error(whom + " does not answer (" + why + ")");
}

std::size_t take(const char* bytes, std::size_t, std::size_t count, void* to) {
  static_cast<std::string*>(to)->append(bytes, count);
  return count;
}

void set_blob(CURL* easy, CURLoption option, const std::string& content) {
  curl_blob blob{const_cast<char*>(content.data()), content.size(), CURL_BLOB_COPY};
  curl_easy_setopt(easy, option, &blob);
}

}  // namespace

AdminClient::AdminClient(AdminTarget target, std::chrono::milliseconds patience)
    : target_(std::move(target)), patience_(patience), easy_(curl_easy_init()) {
  if (easy_ == nullptr) throw std::runtime_error("libcurl cannot be used");
  prove();
}

AdminClient::~AdminClient() { curl_easy_cleanup(easy_); }

/// Sets the certificates and the login.
void AdminClient::prove() {
  auto* const easy = static_cast<CURL*>(easy_);
  const MirrorAccess& access = target_.access;
  const std::string& own = target_.own_certificates;
  if (!own.empty() || access.ca) {
    set_blob(easy, CURLOPT_CAINFO_BLOB, own.empty() ? access.ca->content : own);
    curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);  // of the system
  }
  // The certificate itself is known, and may have no name of this machine.
  if (!own.empty()) curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
  if (access.certificate) {
    set_blob(easy, CURLOPT_SSLCERT_BLOB, access.certificate->content);
    set_blob(easy, CURLOPT_SSLKEY_BLOB, access.key->content);
  }
  if (!access.token.empty()) {
    curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
    curl_easy_setopt(easy, CURLOPT_XOAUTH2_BEARER, access.token.c_str());
  } else if (!access.user.empty()) {
    curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
    curl_easy_setopt(easy, CURLOPT_USERNAME, access.user.c_str());
    curl_easy_setopt(easy, CURLOPT_PASSWORD, access.password.c_str());
  }
}

admin::ApiAnswer AdminClient::ask(const char* method, const std::string& target) {
  admin::ApiAnswer answer;
  auto* const easy = static_cast<CURL*>(easy_);
  const bool is_unix = conf::is_unix(target_.address);
  const std::string url = std::string(target_.tls ? "https://" : "http://") +
                          (is_unix ? "localhost" : target_.address) + target;
  const std::string socket(is_unix ? conf::socket_path(target_.address) : "");
  ErrorText error{};
  curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
  curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
  curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, is_unix ? socket.c_str() : nullptr);
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, 5000L);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(patience_.count()));
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error.data());
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &answer.body);
  const CURLcode result = curl_easy_perform(easy);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, nullptr);
  long status = 0, fault = 0;
  curl_easy_getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &fault);
  if (result != CURLE_OK) fail(target_, result, explanation(easy, result, is_unix, error), fault);
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  answer.status = static_cast<int>(status);
  return answer;
}

std::string AdminClient::refusal(const admin::ApiAnswer& answer) const {
  const auto json = nlohmann::json::parse(answer.body, nullptr, /*allow_exceptions=*/false);
  std::string text = "refused";
  if (json.is_object() && json.contains("error") && json["error"].is_string())
    text = printable(json["error"].get<std::string>());
  if (!target_.tls && text.find("HTTPS") != std::string::npos)
    return text + "; ask https://" + target_.address + ", with --ca FILE for a private authority";
  if (answer.status != unauthorized) return text;
  return text + (target_.access.has_login()
                     ? "; correct the file of --token-file or --password-file"
                     : "; give --token-file FILE, or --user NAME and --password-file FILE");
}

}  // namespace entrepot::app
