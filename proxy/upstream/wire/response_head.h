// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace entrepot::upstream {

/// The parts of an upstream's response head that we use. No value holds CR, LF or NUL. If a
/// field that decides nothing occurs twice, its first value counts.
struct ResponseHead {
  int status = 0;
  /// Absent without the header, and when Transfer-Encoding frames the body.
  std::optional<std::uint64_t> content_length;
  std::string content_range;
  std::string content_type;
  std::string docker_content_digest;  ///< no digest where two differ: the bytes prove theirs
  std::string etag;
  std::string location;
  std::string retry_after;
  std::string ratelimit_limit;
  std::string ratelimit_remaining;
  std::string api_version;  ///< Docker-Distribution-API-Version
  std::vector<std::string> www_authenticate;
  std::vector<std::string> link;
};

/// An HTML page without a field of a registry: the login page of a network, or a web site. A
/// registry that labels its content wrongly sends such a field all the same. Pure; any thread.
bool is_page(const ResponseHead& head);

/// The name of such a response in messages, and what to check.
inline constexpr std::string_view page_phrase =
    "an HTML page: the login page of a network, a firewall that blocks this machine, or a web "
    "site; "
    "open the endpoint's url, with /v2/ behind it, on this machine";

/// Builds a ResponseHead from header lines as curl hands them out, and refuses what must not be
/// used: more than 64 KiB of header lines, more than 20 interim responses, a 101 (we ask for no
/// other protocol, RFC 9110 section 15.2.2, and libcurl ends the head there), NUL or a bare CR, a
/// folded line, a line without a name, and a Content-Length, Content-Range or Location that
/// contradicts itself.
/// One per transfer; one thread.
class HeadReader {
 public:
  static constexpr std::size_t max_bytes = 64 * 1024;
  static constexpr int max_interim = 20;

  enum class State {
    reading,   ///< give me more lines
    complete,  ///< head() is final; later lines are trailers
    refused,   ///< refusal() says why
  };

  /// One line as received, with its line end; an empty one ends a head.
  State feed(std::string_view line);

  State state() const { return state_; }
  const ResponseHead& head() const { return head_; }
  /// One phrase: "its header section is larger than 64 KiB".
  const std::string& refusal() const { return refusal_; }

 private:
  State refuse(std::string why);
  State begin(std::string_view status_line);
  State end_of_head();
  State field(std::string_view line);
  bool store(std::string_view name, std::string_view value);

  State state_ = State::reading;
  ResponseHead head_;
  std::string refusal_;
  std::size_t bytes_ = 0;
  int interim_ = 0;
  bool begun_ = false;
  bool transfer_encoding_ = false;
};

}  // namespace entrepot::upstream
