// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/engines/check/probe.h"

#include <curl/curl.h>

#include <array>
#include <memory>
#include <stdexcept>

#include "metrics/printable.h"

namespace entrepot::app {
namespace {

constexpr long connect_patience_ms = 5000, answer_patience_ms = 10000;
constexpr long ok = 200, unauthorized = 401, forbidden = 403;

struct Free {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

std::size_t drop(const char*, std::size_t, std::size_t count, void*) { return count; }

void set_blob(CURL* easy, CURLoption option, const std::string& content) {
  if (content.empty()) return;
  curl_blob blob{const_cast<char*>(content.data()), content.size(), CURL_BLOB_NOCOPY};
  curl_easy_setopt(easy, option, &blob);
}

/// True if the other side has ended the handshake because of the certificate that it got, or of
/// none.
bool is_refusal(CURLcode result, const std::string& why) {
  const bool in_handshake =
      result == CURLE_SSL_CONNECT_ERROR || result == CURLE_RECV_ERROR || result == CURLE_SEND_ERROR;
  return in_handshake && why.find("alert") != std::string::npos &&
         (why.find("certificate") != std::string::npos ||
          why.find("unknown ca") != std::string::npos ||
          why.find("handshake failure") != std::string::npos);
}

ProbeOutcome outcome_of(CURLcode result, const std::string& why) {
  if (result == CURLE_PEER_FAILED_VERIFICATION || result == CURLE_SSL_ISSUER_ERROR)
    return ProbeOutcome::not_trusted;
  if (result == CURLE_SSL_CACERT_BADFILE || result == CURLE_SSL_CERTPROBLEM)
    return ProbeOutcome::unreadable;
  return is_refusal(result, why) ? ProbeOutcome::refused : ProbeOutcome::unreachable;
}

ProbeOutcome outcome_of(long status) {
  if (status == ok) return ProbeOutcome::reached;
  return status == unauthorized || status == forbidden ? ProbeOutcome::refused
                                                       : ProbeOutcome::other_answer;
}

/// One request. `authorization`: empty for none. `status`: of the answer, 0 without one.
Probe request(const Route& route, const std::string& authorization, long& status) {
  const std::unique_ptr<CURL, Free> easy(curl_easy_init());
  if (easy == nullptr) throw std::runtime_error("libcurl cannot be used");
  const std::string url = route.url + route.target;
  std::array<char, CURL_ERROR_SIZE> error{};
  const std::unique_ptr<curl_slist, Free> headers(
      authorization.empty()
          ? nullptr
          : curl_slist_append(nullptr, ("Authorization: " + authorization).c_str()));
  curl_easy_setopt(easy.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(easy.get(), CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(easy.get(), CURLOPT_USERAGENT, "entrepot client-config");
  curl_easy_setopt(easy.get(), CURLOPT_PROXY, "");
  curl_easy_setopt(easy.get(), CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy.get(), CURLOPT_CONNECTTIMEOUT_MS, connect_patience_ms);
  curl_easy_setopt(easy.get(), CURLOPT_TIMEOUT_MS, answer_patience_ms);
  curl_easy_setopt(easy.get(), CURLOPT_ERRORBUFFER, error.data());
  curl_easy_setopt(easy.get(), CURLOPT_WRITEFUNCTION, drop);
  curl_easy_setopt(easy.get(), CURLOPT_SSL_VERIFYPEER, route.trusts_every_certificate ? 0L : 1L);
  curl_easy_setopt(easy.get(), CURLOPT_SSL_VERIFYHOST, route.trusts_every_certificate ? 0L : 2L);
  // The folder of the system's authorities stays.
  set_blob(easy.get(), CURLOPT_CAINFO_BLOB, route.authorities);
  set_blob(easy.get(), CURLOPT_SSLCERT_BLOB, route.certificate);
  set_blob(easy.get(), CURLOPT_SSLKEY_BLOB, route.key);
  const CURLcode result = curl_easy_perform(easy.get());
  if (result != CURLE_OK) {
    const std::string why = error[0] != '\0' ? error.data() : curl_easy_strerror(result);
    return {outcome_of(result, why), url + ": " + printable(why)};
  }
  curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &status);
  return {outcome_of(status), url + ": " + std::to_string(status)};
}

}  // namespace

Probe probe(const Route& route) {
  long status = 0;
  auto first = request(route, route.login_at_once ? route.authorization : "", status);
  const bool challenged = status == unauthorized && !route.login_at_once;
  if (challenged && !route.authorization.empty())
    return request(route, route.authorization, status);
  return first;
}

}  // namespace entrepot::app
