// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "proxy/access/glob.h"
#include "proxy/access/problem.h"

namespace entrepot::access {

/// The name of a claim in a rule or in the configuration, as a JSON pointer (RFC 6901). A value;
/// any thread.
class ClaimName {
 public:
  static constexpr std::size_t longest = 512;  ///< bytes

  /// Parses the name of a claim of the token itself ("azp", "https://example.com/role"), or a path
  /// to a claim within claims, which begins with a slash: "/kubernetes.io/serviceaccount/name". In
  /// a path, "~1" is a slash within a name and "~0" a tilde. A dot has no meaning in either form.
  static std::variant<ClaimName, Fault> parse(std::string_view text);
  /// The path of the claim `name` within `parent`; an empty parent is the token itself.
  static std::string path(std::string_view parent, std::string_view name);

  /// "/azp", "/kubernetes.io/serviceaccount/name".
  const std::string& pointer() const { return pointer_; }
  bool operator==(const ClaimName&) const = default;

 private:
  explicit ClaimName(std::string pointer) : pointer_(std::move(pointer)) {}

  std::string pointer_;
};

/// The claims of a verified token that have a text, a number, true or false as a value, or a list
/// of such values. Immutable once it is shared; any thread.
class Claims {
 public:
  /// Adds a value of the claim at `pointer`. REQUIRES: `value` has no NUL.
  void add(const std::string& pointer, std::string value);

  /// The values of the claim, in the order of add(); nullptr if it has none. Allocates nothing.
  const std::vector<std::string>* find(std::string_view pointer) const;
  /// True if a value of the claim matches. Allocates nothing.
  bool match(std::string_view pointer, const Glob& glob) const;
  bool empty() const { return values_.empty(); }
  /// An estimate of the memory that the object takes.
  std::size_t bytes() const { return bytes_; }

  using Values = std::map<std::string, std::vector<std::string>, std::less<>>;
  const Values& all() const { return values_; }

 private:
  Values values_;  // by pointer
  std::size_t bytes_ = 0;
};

}  // namespace entrepot::access
