// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <curl/curl.h>

#include <chrono>
#include <string>
#include <string_view>

#include "metrics/check.h"
#include "proxy/upstream/transfer/transfer.h"

namespace entrepot::upstream {

/// Owns an easy handle of libcurl with the options that every transfer of an upstream has, and the
/// lists and the buffer that the handle points to. Its owner sets the callbacks. Loop thread only;
/// destroyed outside of libcurl's callbacks, after the multi handle has given it back.
class CurlHandle {
 public:
  /// Sends `request.headers` with every request. `options` outlive this.
  CurlHandle(const TransferOptions& options, const TransferRequest& request);
  /// Overwrites an Authorization header.
  ~CurlHandle();
  CurlHandle(const CurlHandle&) = delete;
  CurlHandle& operator=(const CurlHandle&) = delete;

  CURL* easy() const { return easy_; }
  /// An option that libcurl does not know is a bug.
  template <typename T>
  void set(CURLoption option, T value) {
    check(curl_easy_setopt(easy_, option, value) == CURLE_OK, "libcurl refuses an option");
  }
  /// Resolves the host by this entry of CURLOPT_RESOLVE. False, changing nothing, when `entry` is
  /// empty or the handle has one already.
  bool resolve_by(const std::string& entry);

  /// A CURLINFO_…_TIME_T; 0 before that moment.
  std::chrono::microseconds time(CURLINFO what) const;
  /// The requests of this handle go through the outgoing proxy.
  bool through_proxy() const { return proxy_ != nullptr; }
  /// URL of that proxy without its account. REQUIRES: through_proxy().
  const std::string& proxy_url() const { return proxy_->url; }
  /// Status of the proxy's last response to CONNECT; 0 without one.
  int connect_status() const;
  /// The last try made a new connection.
  bool new_connection() const;
  /// IP literal of the peer; empty before there is a connection.
  std::string peer_ip() const;
  /// The text of libcurl for its failure `result`.
  std::string_view error_text(CURLcode result) const;

 private:
  void set_options(const TransferOptions& options, const TransferRequest& request);
  void set_proxy(const TransferOptions& options);
  void set_headers(const TransferRequest& request);

  CURL* easy_;                      // owned
  const ProxyServer* const proxy_;  // of the options; null: none
  curl_slist* headers_ = nullptr;   // owned
  curl_slist* resolve_ = nullptr;   // owned
  char error_[CURL_ERROR_SIZE] = {};
};

}  // namespace entrepot::upstream
