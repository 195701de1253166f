// SPDX-License-Identifier: Apache-2.0
// An upstream's response head, line by line as libcurl hands it over.
#include "proxy/upstream/wire/response_head.h"

#include "tests/fuzz/target.h"

namespace entrepot::fuzz {
namespace {

void require_clean(std::string_view value) {
  require(value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos,
          "a line end or NUL in a value");
}

}  // namespace

void run(std::string_view input) {
  upstream::HeadReader reader;
  while (!input.empty() && reader.state() == upstream::HeadReader::State::reading) {
    const std::size_t end = std::min(input.find('\n'), input.size() - 1) + 1;
    reader.feed(input.substr(0, end));
    input.remove_prefix(end);
  }
  if (reader.state() == upstream::HeadReader::State::refused)
    require(!reader.refusal().empty(), "a refusal says why");
  if (reader.state() != upstream::HeadReader::State::complete) return;
  const auto& head = reader.head();
  require(head.status >= 200 && head.status <= 999, "a final status");
  for (const auto* value : {&head.content_range, &head.content_type, &head.docker_content_digest,
                            &head.etag, &head.location, &head.retry_after})
    require_clean(*value);
  for (const auto& value : head.www_authenticate) require_clean(value);
  for (const auto& value : head.link) require_clean(value);
}

}  // namespace entrepot::fuzz
