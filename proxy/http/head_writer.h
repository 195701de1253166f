// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>

namespace entrepot::http {

/// Writes reply heads into a buffer that it reuses. One per loop; loop thread only.
class HeadWriter {
 public:
  /// The properties of a reply that the connection knows and the handler does not.
  struct Frame {
    int status = 200;
    std::uint64_t content_length = no_length;
    bool http_1_0 = false;
    bool keep_alive = true;
  };
  static constexpr std::uint64_t no_length = UINT64_MAX;

  /// `common_fields`: "Name: value\r\n" lines of every reply.
  explicit HeadWriter(std::string common_fields) : common_fields_(std::move(common_fields)) {}

  /// `fields`: "Name: value\r\n" lines of this reply. The result is valid until the next call.
  std::string_view write(const Frame& frame, std::string_view fields);

 private:
  const std::string& date_line();

  const std::string common_fields_;
  std::string buffer_;
  std::string date_line_;  // for date_second_
  std::time_t date_second_ = 0;
};

}  // namespace entrepot::http
