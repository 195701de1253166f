// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/wire/response_head.h"

#include <algorithm>

#include "proxy/base/text.h"
#include "proxy/upstream/wire/media_type.h"

namespace entrepot::upstream {
namespace {

/// The treatment of a second value that differs from the first.
enum class Differing {
  first_counts,  ///< the field decides nothing: proxies in front of registries add such ones again
  combined,      ///< a list (RFC 9110 section 5.3), which is no digest: the bytes prove theirs
  refused,       ///< the field decides where the bytes belong, or who is asked next
};

struct TextField {
  std::string_view name;
  std::string ResponseHead::*slot;
  Differing differing = Differing::first_counts;
};

constexpr TextField text_fields[] = {
    {"content-range", &ResponseHead::content_range, Differing::refused},
    {"content-type", &ResponseHead::content_type},
    {"docker-content-digest", &ResponseHead::docker_content_digest, Differing::combined},
    {"etag", &ResponseHead::etag},
    {"location", &ResponseHead::location, Differing::refused},
    {"retry-after", &ResponseHead::retry_after},
    {"ratelimit-limit", &ResponseHead::ratelimit_limit},
    {"ratelimit-remaining", &ResponseHead::ratelimit_remaining},
    {"docker-distribution-api-version", &ResponseHead::api_version},
};

/// False where the two cannot both be had.
bool merge(std::string& slot, std::string_view value, Differing differing) {
  if (slot.empty()) {
    slot = value;
  } else if (slot != value) {
    if (differing == Differing::refused) return false;
    if (differing == Differing::combined) slot.append(", ").append(value);
  }
  return true;
}

std::string_view without_line_end(std::string_view line) {
  if (!line.empty() && line.back() == '\n') line.remove_suffix(1);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

}  // namespace

HeadReader::State HeadReader::refuse(std::string why) {
  refusal_ = std::move(why);
  state_ = State::refused;
  return state_;
}

HeadReader::State HeadReader::feed(std::string_view line) {
  if (state_ == State::refused) return state_;
  bytes_ += line.size();
  if (bytes_ > max_bytes) return refuse("its header section is larger than 64 KiB");
  if (state_ == State::complete) return state_;  // trailers count, and mean nothing to us
  line = without_line_end(line);
  if (line.find_first_of(std::string_view("\0\r\n", 3)) != std::string_view::npos) {
    return refuse("a header line holds CR, LF or NUL");
  }
  if (!begun_) return begin(line);
  return line.empty() ? end_of_head() : field(line);
}

HeadReader::State HeadReader::begin(std::string_view line) {
  // "HTTP/1.1 200 OK"; curl has checked the version.
  const std::size_t space = line.find(' ');
  if (!line.starts_with("HTTP/") || space == std::string_view::npos) {
    return refuse("its first line is not a status line");
  }
  const auto status = parse_number(line.substr(space + 1, 3));
  if (!status || *status < 100 || *status > 599) return refuse("its status is not a number");
  head_ = ResponseHead{};
  head_.status = static_cast<int>(*status);
  transfer_encoding_ = false;
  begun_ = true;
  return state_;
}

HeadReader::State HeadReader::end_of_head() {
  begun_ = false;
  if (head_.status == 101) return refuse("it switches to a protocol that nobody asked for");
  if (head_.status < 200) {
    if (++interim_ > max_interim) return refuse("it sent more than 20 interim responses");
    return state_;
  }
  if (transfer_encoding_) head_.content_length.reset();
  state_ = State::complete;
  return state_;
}

HeadReader::State HeadReader::field(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (line.front() == ' ' || line.front() == '\t') return refuse("a header line is folded");
  if (colon == std::string_view::npos || colon == 0) return refuse("a header line has no name");
  const std::string name = lower_case(line.substr(0, colon));
  if (!std::all_of(name.begin(), name.end(), is_token_char)) {
    return refuse("a header name holds a forbidden character");
  }
  if (!store(name, trim(line.substr(colon + 1)))) {
    return refuse("it sent contradicting or impossible " + printable_excerpt(name, 64) +
                  " headers");
  }
  return state_;
}

bool HeadReader::store(std::string_view name, std::string_view value) {
  if (name == "content-length") {
    const auto length = parse_number(value);
    if (!length || (head_.content_length && head_.content_length != length)) return false;
    head_.content_length = length;
  } else if (name == "transfer-encoding") {
    transfer_encoding_ = true;
  } else if (name == "www-authenticate") {
    head_.www_authenticate.emplace_back(value);
  } else if (name == "link") {
    head_.link.emplace_back(value);
  } else {
    for (const TextField& known : text_fields) {
      if (known.name == name) return merge(head_.*known.slot, value, known.differing);
    }
  }
  return true;
}

bool is_page(const ResponseHead& head) {
  return parse_media_type(head.content_type) == "text/html" && head.api_version.empty() &&
         head.docker_content_digest.empty();
}

}  // namespace entrepot::upstream
