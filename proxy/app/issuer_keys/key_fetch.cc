// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/issuer_keys/key_fetch.h"

#include <curl/curl.h>

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "conf/file_content.h"
#include "metrics/version.h"
#include "proxy/access/jwt/discovery.h"
#include "proxy/access/jwt/key_set.h"
#include "proxy/base/secret.h"
#include "proxy/base/text.h"
#include "proxy/upstream/transfer/curl_handle.h"
#include "proxy/upstream/wire/url.h"

namespace entrepot::app {
namespace {

using metrics::KeyFetch;
using upstream::Url;

constexpr long patience_ms = 10'000;
constexpr std::size_t longest_token = 16 << 10;

/// Wipes a text at the end of its scope.
struct Wiped {
  std::string& text;
  ~Wiped() { wipe(text); }
};

/// A body with a bound, and the flag that ends the transfer.
struct Download {
  std::string body;
  std::size_t most;
  const std::atomic<bool>& stop;
};

std::size_t take_body(const char* bytes, std::size_t, std::size_t count, void* to) {
  auto& download = *static_cast<Download*>(to);
  if (download.body.size() + count > download.most) return 0;  // ends the transfer
  download.body.append(bytes, count);
  return count;
}

int watch_stop(void* of, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Download*>(of)->stop.load(std::memory_order_relaxed) ? 1 : 0;
}

/// The body of a 200 response.
std::variant<std::string, KeyFetchFailure> get(const std::string& text, std::size_t most,
                                               const KeySource& source,
                                               const std::string& authorization,
                                               const std::atomic<bool>& stop) {
  const auto url = Url::parse(text);
  if (!url || !url->https())
    return KeyFetchFailure{KeyFetch::metadata,
                           printable_excerpt(text, 200) + " is no https:// URL"};
  const upstream::TransferOptions options{.user_agent = "entrepot/" + std::string(version()),
                                          .ca_file = source.ca.string()};
  upstream::TransferRequest request{.url = *url, .headers = {"Accept: application/json"}};
  if (!authorization.empty()) request.headers.push_back(authorization);
  request.urgent = true;
  upstream::CurlHandle handle(options, request);
  for (auto& line : request.headers) wipe(line);
  Download download{.body = {}, .most = most, .stop = stop};
  handle.set(CURLOPT_TIMEOUT_MS, patience_ms);
  handle.set(CURLOPT_WRITEFUNCTION, take_body);
  handle.set(CURLOPT_WRITEDATA, &download);
  handle.set(CURLOPT_NOPROGRESS, 0L);
  handle.set(CURLOPT_XFERINFOFUNCTION, watch_stop);
  handle.set(CURLOPT_XFERINFODATA, &download);
  const CURLcode result = curl_easy_perform(handle.easy());
  if (result == CURLE_WRITE_ERROR)
    return KeyFetchFailure{KeyFetch::metadata, url->shown() + " answers with more than " +
                                                   std::to_string(most) + " bytes"};
  if (result != CURLE_OK)
    return KeyFetchFailure{KeyFetch::unreachable,
                           url->shown() + ": " + std::string(handle.error_text(result))};
  long status = 0;
  curl_easy_getinfo(handle.easy(), CURLINFO_RESPONSE_CODE, &status);
  if (status != 200)
    return KeyFetchFailure{KeyFetch::status,
                           url->shown() + " answers with status " + std::to_string(status)};
  return std::move(download.body);
}

/// The field with the token of the source; empty without one.
std::variant<std::string, KeyFetchFailure> authorization_of(const KeySource& source) {
  if (source.token_file.empty()) return std::string();
  conf::Problems problems;
  auto content = conf::read_file(source.token_file, longest_token + 1, "token_file", problems);
  if (!content) return KeyFetchFailure{KeyFetch::token, problems.errors.front()};
  std::string_view token = content->bytes;
  while (!token.empty() && (token.back() == '\n' || token.back() == '\r')) token.remove_suffix(1);
  std::string field = "Authorization: Bearer " + std::string(token);
  const bool fits = !token.empty() && token.size() <= longest_token &&
                    token.find_first_of(std::string_view("\r\n\0", 3)) == token.npos;
  wipe(content->bytes);
  if (!fits)
    return KeyFetchFailure{KeyFetch::token, source.token_file.string() + " holds no token"};
  return field;
}

}  // namespace

std::variant<PublishedKeys, KeyFetchFailure> fetch_keys(const KeySource& source,
                                                        const std::atomic<bool>& stop) {
  auto authorization = authorization_of(source);
  if (auto* failure = std::get_if<KeyFetchFailure>(&authorization)) return std::move(*failure);
  auto& field = std::get<std::string>(authorization);
  const Wiped wiped{field};
  const auto metadata =
      get(access::metadata_url(source.issuer), access::longest_metadata, source, field, stop);
  if (const auto* failure = std::get_if<KeyFetchFailure>(&metadata)) return *failure;
  const auto url = access::keys_url(std::get<std::string>(metadata), source.issuer);
  if (const auto* fault = std::get_if<access::Fault>(&url))
    return KeyFetchFailure{KeyFetch::metadata,
                           access::metadata_url(source.issuer) + ": " + fault->text};
  auto body = get(std::get<std::string>(url), access::KeySet::max_size, source, field, stop);
  if (auto* failure = std::get_if<KeyFetchFailure>(&body)) return std::move(*failure);
  auto& text = std::get<std::string>(body);
  const auto keys = access::KeySet::parse(text);
  if (const auto* problems = std::get_if<std::vector<access::Problem>>(&keys)) {
    const auto& [where, what] = problems->front();
    return KeyFetchFailure{KeyFetch::keys, printable_excerpt(std::get<std::string>(url), 200) +
                                               ": " + where + (where.empty() ? "" : ": ") + what};
  }
  const std::size_t count = std::get<access::KeySet>(keys).size();
  return PublishedKeys{std::move(text), count};
}

}  // namespace entrepot::app
