// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/transfer/curl_handle.h"

#include <cstring>

#include "proxy/base/secret.h"

namespace entrepot::upstream {
namespace {

constexpr long receive_buffer = 512 * 1024;

}  // namespace

CurlHandle::CurlHandle(const TransferOptions& options, const TransferRequest& request)
    : easy_(curl_easy_init()),
      proxy_(options.proxy.server_for(request.url, request.private_addresses)) {
  check(easy_ != nullptr, "out of memory for a transfer");
  set(CURLOPT_ERRORBUFFER, static_cast<char*>(error_));
  set_options(options, request);
  set_headers(request);
}

CurlHandle::~CurlHandle() {
  curl_easy_cleanup(easy_);
  for (curl_slist* line = headers_; line != nullptr; line = line->next) {
    std::string_view text(line->data);
    if (text.starts_with("Authorization:")) explicit_bzero(line->data, text.size());
  }
  curl_slist_free_all(headers_);
  curl_slist_free_all(resolve_);
}

void CurlHandle::set_options(const TransferOptions& options, const TransferRequest& request) {
  // netrc, proxies of the environment, cookies, HSTS, redirects, HTTP/2 and content decoding are
  // off on purpose: each is a source of CVEs or of bytes that do not match the digest.
  set(CURLOPT_URL, request.url.text().c_str());
  set(CURLOPT_PROTOCOLS_STR, request.plain_http ? "http,https" : "https");
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(CURLOPT_NOBODY, request.head ? 1L : 0L);
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  set_proxy(options);
  set(CURLOPT_HTTP09_ALLOWED, 0L);
  set(CURLOPT_PATH_AS_IS, 1L);  // a signed path must not be normalised
  set(CURLOPT_USERAGENT, options.user_agent.c_str());
  set(CURLOPT_BUFFERSIZE, request.head || request.urgent ? 16L * 1024 : receive_buffer);
  set(CURLOPT_TCP_NODELAY, 1L);
  set(CURLOPT_TCP_KEEPALIVE, 1L);
  set(CURLOPT_MAXAGE_CONN, 60L);
  // The resolver knows how long a name is valid; libcurl only saves a lookup per connection.
  set(CURLOPT_DNS_CACHE_TIMEOUT, 15L);
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect.count()));
  // Without it, cancelling a name lookup blocks the loop until the resolver's thread ends.
  set(CURLOPT_QUICK_EXIT, 1L);
  set(CURLOPT_SSL_VERIFYPEER, 1L);
  set(CURLOPT_SSL_VERIFYHOST, 2L);
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  // libcurl keeps the parsed bundle between connections (10 ms each) only without a directory. With
  // a directory, ca_file would add to the system's authorities instead of replacing them.
  set(CURLOPT_CAPATH, static_cast<char*>(nullptr));
  if (!options.ca_file.empty()) set(CURLOPT_CAINFO, options.ca_file.c_str());
}

void CurlHandle::set_proxy(const TransferOptions& options) {
  // The empty texts keep libcurl from reading the environment.
  set(CURLOPT_NOPROXY, "");
  if (!through_proxy()) return set(CURLOPT_PROXY, "");
  std::string url = proxy_->with_account();
  set(CURLOPT_PROXY, url.c_str());
  wipe(url);
  set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);  // they are no response of the upstream
  set(CURLOPT_PROXYAUTH, static_cast<long>(CURLAUTH_BASIC));
  set(CURLOPT_PROXY_SSL_VERIFYPEER, 1L);
  set(CURLOPT_PROXY_SSL_VERIFYHOST, 2L);
  set(CURLOPT_PROXY_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set(CURLOPT_PROXY_CAPATH, static_cast<char*>(nullptr));
  const std::string& authorities = options.proxy.ca_file;
  if (!authorities.empty()) set(CURLOPT_PROXY_CAINFO, authorities.c_str());
}

int CurlHandle::connect_status() const {
  long status = 0;
  curl_easy_getinfo(easy_, CURLINFO_HTTP_CONNECTCODE, &status);
  return static_cast<int>(status);
}

void CurlHandle::set_headers(const TransferRequest& request) {
  const auto append = [this](const char* line) {
    curl_slist* longer = curl_slist_append(headers_, line);
    check(longer != nullptr, "out of memory for a header");
    headers_ = longer;
  };
  append("Accept-Encoding: identity");
  bool accept = false;
  for (const std::string& line : request.headers) {
    append(line.c_str());
    accept = accept || line.starts_with("Accept:");
  }
  if (!accept) append("Accept: */*");
  set(CURLOPT_HTTPHEADER, headers_);
}

bool CurlHandle::resolve_by(const std::string& entry) {
  if (entry.empty() || resolve_ != nullptr) return false;
  resolve_ = curl_slist_append(nullptr, entry.c_str());
  check(resolve_ != nullptr, "out of memory for an address");
  set(CURLOPT_RESOLVE, resolve_);
  return true;
}

std::chrono::microseconds CurlHandle::time(CURLINFO what) const {
  curl_off_t value = 0;
  curl_easy_getinfo(easy_, what, &value);
  return std::chrono::microseconds(value);
}

bool CurlHandle::new_connection() const {
  long connections = 0;
  curl_easy_getinfo(easy_, CURLINFO_NUM_CONNECTS, &connections);
  return connections > 0;
}

std::string CurlHandle::peer_ip() const {
  const char* address = nullptr;
  curl_easy_getinfo(easy_, CURLINFO_PRIMARY_IP, &address);
  return address == nullptr ? "" : address;
}

std::string_view CurlHandle::error_text(CURLcode result) const {
  return error_[0] != '\0' ? error_ : curl_easy_strerror(result);
}

}  // namespace entrepot::upstream
