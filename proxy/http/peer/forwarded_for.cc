// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/peer/forwarded_for.h"

#include "proxy/base/text.h"

namespace entrepot::http {
namespace {

/// Removes the last element of a list and returns it, trimmed. Addresses contain no commas, so
/// quotes have no meaning here.
std::string_view last_element(std::string_view& list) {
  const std::size_t comma = list.rfind(',');
  const bool only = comma == list.npos;
  const std::string_view element = only ? list : list.substr(comma + 1);
  list = only ? std::string_view() : list.substr(0, comma);
  return trim(element);
}

std::optional<IpAddress> known_address(std::string_view text) {
  const bool v6 = text.find(':') != text.npos;
  const auto address = IpAddress::parse(v6 ? text.substr(0, text.find('%')) : text);
  return address && address->known() ? address : std::nullopt;
}

/// Parses ":443"; empty text has no port.
bool parse_port(std::string_view text, std::optional<std::uint16_t>& port) {
  if (text.empty()) return true;
  const auto number = parse_number(text.substr(1));
  if (text.front() != ':' || !number || *number > UINT16_MAX) return false;
  port = static_cast<std::uint16_t>(*number);
  return true;
}

/// Reads the entries of one field from its end. True: the search is over.
bool search(std::string_view list, const TrustedProxies& proxies, std::size_t& read,
            ForwardedFor& found) {
  while (!list.empty()) {
    const std::string_view element = last_element(list);
    if (element.empty()) continue;
    const auto address = parse_forwarded_address(element);
    if (!address || ++read > ForwardedFor::most_proxies) {
      found = {.malformed = true};
      return true;
    }
    found.client = address;
    if (!proxies.contain(address->ip)) return true;
  }
  return false;
}

}  // namespace

std::optional<SourceAddress> parse_forwarded_address(std::string_view text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"')
    text = text.substr(1, text.size() - 2);
  std::string_view address = text;
  std::string_view port;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == text.npos || text.find(':') > end) return std::nullopt;
    address = text.substr(1, end - 1);
    port = text.substr(end + 1);
  } else if (const std::size_t colon = text.find(':');
             colon != text.npos && colon == text.rfind(':')) {
    address = text.substr(0, colon);
    port = text.substr(colon);
  }
  SourceAddress source;
  const auto ip = known_address(address);
  if (!ip || !parse_port(port, source.port)) return std::nullopt;
  source.ip = *ip;
  return source;
}

ForwardedFor forwarded_for(const Request& request, const TrustedProxies& proxies) {
  ForwardedFor found;
  std::size_t read = 0;
  const auto& fields = request.fields();
  for (auto field = fields.rbegin(); field != fields.rend(); ++field)
    if (field->name == "x-forwarded-for" && search(field->value, proxies, read, found)) break;
  return found;
}

}  // namespace entrepot::http
