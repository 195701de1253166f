// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace entrepot::upstream {

/// An absolute http or https URL, parsed by libcurl's own parser so that what we judge is what curl
/// dials. There is no way to print its query: signed URLs are secrets (text() is for curl only).
/// A value type; any thread.
class Url {
 public:
  /// Longest URL accepted, in bytes; signed CDN URLs stay below 4 KiB.
  static constexpr std::size_t max_length = 16 * 1024;

  /// nullopt for anything but an absolute http(s) URL without userinfo: control characters, spaces,
  /// another scheme, no host, a host that hides an address behind percent-encoding, port 0, too
  /// long.
  static std::optional<Url> parse(std::string_view text);

  /// As parse(), after spaces, control characters but CR, LF and NUL, and bytes beyond ASCII are
  /// percent-encoded, as engines do; nullopt when they are in the authority.
  static std::optional<Url> parse_unencoded(std::string_view text);

  /// Resolves `reference` (a Location or Link target, absolute or relative, RFC 3986 §5), encoded
  /// as in parse_unencoded().
  std::optional<Url> resolve(std::string_view reference) const;

  /// This URL with `key=value` (both percent-encoded) added to its query; nullopt when it would be
  /// longer than max_length.
  std::optional<Url> with_query(std::string_view key, std::string_view value) const;
  /// This URL with `path` (begins with '/', already encoded) put behind its own path; nullopt when
  /// it would be longer than max_length.
  std::optional<Url> with_path(std::string_view path) const;

  bool https() const { return https_; }
  /// Lower case, without the brackets of an IPv6 literal and without a trailing dot.
  const std::string& host() const { return host_; }
  std::uint16_t port() const { return port_; }
  /// Same scheme, host and port: the boundary credentials never cross (RFC 6454).
  bool same_origin(const Url& other) const {
    return https_ == other.https_ && port_ == other.port_ && host_ == other.host_;
  }

  /// For logs and messages: scheme, host, port if unusual, and path; never the query.
  std::string shown() const;
  /// host, port if unusual, and path without a trailing '/': the `endpoint` label of the metrics.
  std::string label() const;
  /// The whole of it, for curl only.
  const std::string& text() const { return text_; }

 private:
  Url() = default;
  static std::optional<Url> from_handle(void* handle);                                // CURLU*
  std::optional<Url> with(int part, const std::string& value, unsigned flags) const;  // CURLUPart

  std::string text_;
  std::string host_;
  std::string path_;
  std::uint16_t port_ = 0;
  bool https_ = false;
};

}  // namespace entrepot::upstream
