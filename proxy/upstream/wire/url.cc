// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/wire/url.h"

#include <curl/curl.h>

#include <charconv>
#include <memory>

#include "metrics/check.h"
#include "proxy/base/text.h"

namespace entrepot::upstream {
namespace {

struct FreeHandle {
  void operator()(CURLU* handle) const { curl_url_cleanup(handle); }
};
using Handle = std::unique_ptr<CURLU, FreeHandle>;

bool printable(std::string_view text) {
  if (text.empty() || text.size() > Url::max_length) return false;
  for (const char c : text) {
    if (c <= ' ' || c == 0x7f) return false;  // bytes above 0x7f are negative: refused as well
  }
  return true;
}

/// Encodes spaces, control characters and non-ASCII bytes of a Location, as engines do. CR, LF and
/// NUL stay, and set_url() refuses them. An authority with an encoded byte is refused too: it names
/// another host once it is decoded.
std::string encoded_reference(std::string_view text) {
  constexpr char kept[] = "!\"#$%&'()*+,/:;<=>?@[\\]^`{|}\r\n\0";
  return percent_encode(text, {kept, sizeof kept - 1});
}

std::optional<std::string> part(CURLU* handle, CURLUPart which, unsigned flags = 0) {
  char* value = nullptr;
  if (curl_url_get(handle, which, &value, flags) != CURLUE_OK) return std::nullopt;
  std::string copy(value);
  curl_free(value);
  return copy;
}

Handle new_handle() {
  Handle handle(curl_url());
  check(handle != nullptr, "out of memory for a URL");
  return handle;
}

bool set_url(CURLU* handle, std::string_view text) {
  return printable(text) && curl_url_set(handle, CURLUPART_URL, std::string(text).c_str(),
                                         CURLU_DISALLOW_USER) == CURLUE_OK;
}

// Whether curl, given `text`, dials `host`. libcurl turns "1" or "0x7f.1" into an IPv4 address
// while it parses, but only before it decodes %31: such a host means something else when it is read
// again.
bool names_host(const std::string& text, const std::string& host) {
  const Handle again = new_handle();
  return set_url(again.get(), text) && part(again.get(), CURLUPART_HOST) == host;
}

std::string without_brackets(std::string host) {
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  if (host.size() > 1 && host.back() == '.') host.pop_back();
  return host;
}

}  // namespace

std::optional<Url> Url::from_handle(void* raw) {
  auto* handle = static_cast<CURLU*>(raw);
  curl_url_set(handle, CURLUPART_FRAGMENT, nullptr, 0);
  const auto scheme = part(handle, CURLUPART_SCHEME);
  const auto host = part(handle, CURLUPART_HOST);
  const auto port = part(handle, CURLUPART_PORT, CURLU_DEFAULT_PORT);
  const auto path = part(handle, CURLUPART_PATH);
  const auto text = part(handle, CURLUPART_URL);
  if (!scheme || !host || !port || !path || !text) return std::nullopt;
  if (!names_host(*text, *host)) return std::nullopt;

  Url url;
  url.https_ = equals_ignoring_case(*scheme, "https");
  if (!url.https_ && !equals_ignoring_case(*scheme, "http")) return std::nullopt;
  url.host_ = without_brackets(lower_case(*host));
  const auto [end, error] = std::from_chars(port->data(), port->data() + port->size(), url.port_);
  if (error != std::errc() || end != port->data() + port->size()) return std::nullopt;
  if (url.port_ == 0 || url.host_.empty() || !printable(*text)) return std::nullopt;
  url.path_ = *path;
  url.text_ = *text;
  return url;
}

std::optional<Url> Url::parse(std::string_view text) {
  const Handle handle = new_handle();
  if (!set_url(handle.get(), text)) return std::nullopt;
  return from_handle(handle.get());
}

std::optional<Url> Url::parse_unencoded(std::string_view text) {
  return parse(encoded_reference(text));
}

std::optional<Url> Url::resolve(std::string_view reference) const {
  const Handle handle = new_handle();
  if (!set_url(handle.get(), text_) || !set_url(handle.get(), encoded_reference(reference)))
    return std::nullopt;
  return from_handle(handle.get());
}

std::optional<Url> Url::with(int part, const std::string& value, unsigned flags) const {
  const Handle handle = new_handle();
  if (!set_url(handle.get(), text_)) return std::nullopt;
  if (curl_url_set(handle.get(), static_cast<CURLUPart>(part), value.c_str(), flags) != CURLUE_OK)
    return std::nullopt;
  return from_handle(handle.get());
}

std::optional<Url> Url::with_query(std::string_view key, std::string_view value) const {
  return with(CURLUPART_QUERY, percent_encode(key) + "=" + percent_encode(value),
              CURLU_APPENDQUERY);
}

std::optional<Url> Url::with_path(std::string_view path) const {
  std::string joined = path_;
  while (!joined.empty() && joined.back() == '/') joined.pop_back();
  joined += path;
  return with(CURLUPART_PATH, joined, 0);
}

std::string Url::label() const {
  std::string label = host_.find(':') == std::string::npos ? host_ : "[" + host_ + "]";
  if (port_ != (https_ ? 443 : 80)) label += ":" + std::to_string(port_);
  label += path_;
  while (label.back() == '/') label.pop_back();
  return label;
}

std::string Url::shown() const { return (https_ ? "https://" : "http://") + label(); }

}  // namespace entrepot::upstream
