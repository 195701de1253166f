// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/refusal/refusal_reason.h"

#include <algorithm>

#include "proxy/base/text.h"
#include "proxy/upstream/wire/json.h"
#include "proxy/upstream/wire/media_type.h"

namespace entrepot::upstream {
namespace {

constexpr std::size_t max_document = 16 * 1024;

/// A 416 concerns the range that we requested, which the client does not know.
bool may_say_why(const ResponseHead& head) {
  const int status = head.status;
  if (status < 400 || status > 499 || status == 401 || status == 416) return false;
  // Go's http.Error() labels every document text/plain.
  const std::string type = parse_media_type(head.content_type);
  return (type.empty() || type == "text/plain" || type.ends_with("json")) &&
         head.content_length.value_or(0) <= max_document;
}

}  // namespace

std::string parse_refusal(std::string_view body) {
  const auto document = body.empty() ? std::nullopt : parse_json(body);
  if (!document || !document->is_object()) return {};
  const auto errors = document->find("errors");
  if (errors == document->end() || !errors->is_array()) return {};
  std::string reason;
  for (const auto& error : *errors) {
    if (!error.is_object() || reason.size() >= max_reason) continue;
    const auto message = error.find("message");
    if (message == error.end() || !message->is_string()) continue;
    const auto& text = message->get_ref<const std::string&>();
    if (text.empty()) continue;
    if (!reason.empty()) reason += "; ";
    reason += printable_excerpt(text, max_reason);
  }
  reason.resize(std::min(reason.size(), max_reason));
  return reason;
}

Disposition RefusalReason::begin(const ResponseHead& head) {
  body_.clear();
  return may_say_why(head) ? Disposition::deliver : Disposition::discard;
}

bool RefusalReason::add(std::span<const std::byte> data) {
  const bool fits = body_.size() + data.size() <= max_document;
  if (fits) {
    body_.append(reinterpret_cast<const char*>(data.data()), data.size());
  } else {
    body_.clear();
  }
  return fits;
}

}  // namespace entrepot::upstream
