// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace entrepot::registry {

/// The parameters of a query string, one after the other, still encoded. Views point into it.
class QueryReader {
 public:
  struct Parameter {
    std::string_view name;
    std::string_view value;
  };
  explicit QueryReader(std::string_view query) : rest_(query) {}
  /// nullopt at the end.
  std::optional<Parameter> next();

 private:
  std::string_view rest_;
};

/// A parameter by its name, and how many values it came with: the same one again says nothing new.
struct Parameter {
  std::string_view value;  ///< of the first, still encoded
  std::size_t count = 0;
};
Parameter find_parameter(std::string_view query, std::string_view name);

/// Undoes percent-encoding; nullopt for a broken sequence, a control byte or a result longer than
/// `max_size`. '+' stays: no value we read can hold a space, while media types hold '+', and not
/// every client encodes it.
std::optional<std::string> decode_parameter(std::string_view value, std::size_t max_size);

/// Percent-encodes everything but RFC 3986 "unreserved".
std::string encode_parameter(std::string_view value);

}  // namespace entrepot::registry
