// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace entrepot::registry {

/// Iterates over the parameters of a query string, without decoding. Views point into the query.
class QueryReader {
 public:
  struct Parameter {
    std::string_view name;
    std::string_view value;
  };
  explicit QueryReader(std::string_view query) : rest_(query) {}
  /// Returns nullopt at the end.
  std::optional<Parameter> next();

 private:
  std::string_view rest_;
};

/// A parameter by its name, and its number of distinct values; repetitions of the same value, in
/// whatever encoding, are not counted.
struct Parameter {
  std::string_view value;  ///< the first value, encoded
  std::size_t count = 0;
};
Parameter find_parameter(std::string_view query, std::string_view name);

/// Decodes percent-encoding. Returns nullopt for a malformed sequence, a control byte or a result
/// longer than `max_size`. '+' is not decoded: no parameter contains spaces, while media types
/// contain '+', and not every client encodes it.
std::optional<std::string> decode_parameter(std::string_view value, std::size_t max_size);

/// Percent-encodes everything except RFC 3986 "unreserved".
std::string encode_parameter(std::string_view value);

}  // namespace entrepot::registry
