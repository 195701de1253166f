// SPDX-License-Identifier: Apache-2.0
#include "proxy/registry/request/query.h"

#include <algorithm>

#include "proxy/base/text.h"

namespace entrepot::registry {
namespace {

/// Compares two encoded values: one of them may be encoded and the other not.
bool same_value(std::string_view one, std::string_view other) {
  if (one == other) return true;
  const auto decoded = decode_parameter(one, one.size());
  return decoded && decoded == decode_parameter(other, other.size());
}

}  // namespace

std::optional<QueryReader::Parameter> QueryReader::next() {
  while (!rest_.empty() && rest_.front() == '&') rest_.remove_prefix(1);
  if (rest_.empty()) return std::nullopt;
  const std::size_t end = std::min(rest_.find('&'), rest_.size());
  const std::string_view pair = rest_.substr(0, end);
  rest_.remove_prefix(end);
  const std::size_t equals = std::min(pair.find('='), pair.size());
  return Parameter{pair.substr(0, equals), pair.substr(std::min(equals + 1, pair.size()))};
}

Parameter find_parameter(std::string_view query, std::string_view name) {
  Parameter found;
  QueryReader reader(query);
  while (const auto parameter = reader.next()) {
    if (parameter->name != name) continue;
    if (found.count == 0) found.value = parameter->value;
    if (found.count == 0 || !same_value(parameter->value, found.value)) ++found.count;
  }
  return found;
}

std::optional<std::string> decode_parameter(std::string_view value, std::size_t max_size) {
  std::string decoded;
  decoded.reserve(std::min(value.size(), max_size));
  for (std::size_t i = 0; i < value.size(); ++i) {
    char c = value[i];
    if (c == '%') {
      if (value.size() - i < 3) return std::nullopt;
      const int high = hex_value(value[i + 1]);
      const int low = hex_value(value[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f || decoded.size() == max_size) return std::nullopt;
    decoded.push_back(c);
  }
  return decoded;
}

std::string encode_parameter(std::string_view value) { return percent_encode(value); }

}  // namespace entrepot::registry
