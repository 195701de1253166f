// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/parse/request_line.h"

#include <algorithm>
#include <array>
#include <utility>

#include "proxy/base/text.h"
#include "proxy/http/parse/chars.h"
#include "proxy/http/parse/host.h"
#include "proxy/http/parse/target.h"

namespace entrepot::http {
namespace {

constexpr std::array<std::pair<std::string_view, Method>, 9> methods{{
    {"GET", Method::get},
    {"HEAD", Method::head},
    {"POST", Method::post},
    {"PUT", Method::put},
    {"PATCH", Method::patch},
    {"DELETE", Method::del},
    {"OPTIONS", Method::options},
    {"CONNECT", Method::connect},
    {"TRACE", Method::trace},
}};

Refusal parse_version(std::string_view version, bool& http_1_0) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  if (version.size() != 8 || !version.starts_with("HTTP/") || !digit(version[5]) ||
      version[6] != '.' || !digit(version[7]))
    return {400, "malformed HTTP version"};
  if (version[5] != '1' || version[7] > '1') return {505, "HTTP version not supported"};
  http_1_0 = version[7] == '0';
  return {};
}

Refusal parse_method(std::string_view word, Method& method) {
  if (!all(word, is_token) || word.empty()) return {400, "malformed request line"};
  if (word == "PRI") return {400, "HTTP/2 is not spoken here"};  // RFC 9113 §3.4
  for (const auto& [name, value] : methods) {
    if (word != name) continue;
    method = value;
    return {};
  }
  return {501, "unknown method"};
}

/// Splits an absolute-form target (RFC 9112 §3.2.2), which every server has to accept, into its
/// host and the rest. The host replaces that of the Host field; no connection is made to either.
Refusal split_absolute(RequestLine& out) {
  constexpr std::string_view scheme = "http://";
  if (!equals_ignoring_case(out.target.substr(0, scheme.size()), scheme))
    return {400, "target is neither a path nor an http URL", false};
  const std::string_view rest = out.target.substr(scheme.size());
  const std::size_t end = std::min(rest.find('/'), rest.size());
  out.host = rest.substr(0, end);
  if (!valid_host(out.host)) return {400, "malformed host in the target", false};
  out.target = end < rest.size() ? rest.substr(end) : std::string_view("/");
  return {};
}

}  // namespace

Refusal parse_request_line(std::string_view line, RequestLine& out) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == line.npos || first == last) return {400, "malformed request line"};
  if (const Refusal refusal = parse_method(line.substr(0, first), out.method)) return refusal;
  if (const Refusal refusal = parse_version(line.substr(last + 1), out.http_1_0)) return refusal;
  if (out.method == Method::connect || out.method == Method::trace)
    return {405, "method not allowed"};

  out.target = line.substr(first + 1, last - first - 1);
  if (out.target.empty() || out.target.front() == ' ' || out.target.back() == ' ')
    return {400, "malformed request line"};
  if (out.method == Method::options && out.target == "*") return {405, "method not allowed", false};
  if (out.target.front() != '/') {
    if (const Refusal refusal = split_absolute(out)) return refusal;
  }
  if (const char* wrong = check_target(out.target)) return {400, wrong, false};
  if (out.method == Method::options) return {405, "method not allowed", false};
  return {};
}

}  // namespace entrepot::http
