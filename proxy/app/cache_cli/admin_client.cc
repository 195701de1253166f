// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/cache_cli/admin_client.h"

#include <curl/curl.h>

#include <stdexcept>
#include <string_view>
#include <system_error>

#include "conf/grammar.h"

namespace entrepot::app {
namespace {

/// "0.0.0.0:5080" and "[::]:5080" are listened to, not connected to.
std::string reachable(const std::string& address) {
  constexpr std::string_view any4 = "0.0.0.0:", any6 = "[::]:";
  if (address.starts_with(any4)) return "127.0.0.1:" + address.substr(any4.size());
  if (address.starts_with(any6)) return "[::1]:" + address.substr(any6.size());
  return address;
}

/// The reason of a failure; libcurl has no words for those to connect to a unix socket.
std::string explanation(CURL* easy, CURLcode result, bool is_unix) {
  long error = 0;
  curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &error);
  if (result == CURLE_COULDNT_CONNECT && is_unix && error != 0)
    return std::generic_category().message(static_cast<int>(error));
  return curl_easy_strerror(result);
}

std::size_t take(const char* bytes, std::size_t, std::size_t count, void* to) {
  static_cast<std::string*>(to)->append(bytes, count);
  return count;
}

}  // namespace

AdminClient::AdminClient(const std::string& address, std::chrono::milliseconds patience)
    : address_(reachable(address)), patience_(patience), easy_(curl_easy_init()) {
  if (easy_ == nullptr) throw std::runtime_error("libcurl cannot be used");
}

AdminClient::~AdminClient() { curl_easy_cleanup(easy_); }

admin::ApiAnswer AdminClient::ask(const char* method, const std::string& target) {
  admin::ApiAnswer answer;
  auto* const easy = static_cast<CURL*>(easy_);
  const bool is_unix = conf::is_unix(address_);
  const std::string url = "http://" + (is_unix ? "localhost" : address_) + target;
  const std::string socket(is_unix ? conf::socket_path(address_) : "");
  curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
  curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
  curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, is_unix ? socket.c_str() : nullptr);
  curl_easy_setopt(easy, CURLOPT_PROXY, "");
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http");
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, 5000L);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(patience_.count()));
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &answer.body);
  const CURLcode result = curl_easy_perform(easy);
  if (result != CURLE_OK)
    throw std::runtime_error("the admin listener on " + address_ + " does not answer (" +
                             explanation(easy, result, is_unix) + ")");
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  answer.status = static_cast<int>(status);
  return answer;
}

}  // namespace entrepot::app
