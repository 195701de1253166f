// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace entrepot::http {

enum class Method : std::uint8_t { get, head, post, put, patch, del, options, connect, trace };

/// The head of one request, parsed and strictly checked (RFC 9112). Loop thread of its connection.
/// Views are valid until the end of the exchange (Handler::finished()).
class Request {
 public:
  struct Field {
    std::string_view name;  ///< lower case
    std::string_view value;
  };

  Method method() const { return method_; }
  bool is_head() const { return method_ == Method::head; }
  /// Path and query, as sent; without scheme and host if the target came in absolute-form.
  /// Printable ASCII, no fragment.
  std::string_view target() const { return target_; }
  /// Target before '?', percent-decoded once; never holds NUL, control bytes, "." or ".." segments.
  std::string_view path() const { return path_; }
  /// Target after '?', still encoded; empty when absent.
  std::string_view query() const { return query_; }
  /// The host of an absolute-form target, or else the Host field (RFC 9112 §3.2.2).
  std::string_view host() const { return host_; }
  bool http_1_0() const { return http_1_0_; }
  /// The first field of this lower-case name, or empty.
  std::string_view field(std::string_view name) const;
  /// All fields in order; a name may recur.
  const std::vector<Field>& fields() const { return fields_; }
  /// Bytes of memory that the head uses.
  std::size_t memory() const { return storage_.capacity() + fields_.capacity() * sizeof(Field); }

 private:
  friend class RequestParser;
  Method method_ = Method::get;
  bool http_1_0_ = false;
  std::string_view target_, path_, query_, host_;
  std::vector<Field> fields_;
  std::string storage_;
};

}  // namespace entrepot::http
