// SPDX-License-Identifier: Apache-2.0
#include "metrics/access_log.h"

#include <fmt/format.h>
#include <spdlog/logger.h>

#include <iterator>

#include "metrics/line_format.h"

namespace entrepot::log {
namespace {

double milliseconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

std::string_view or_dash(std::string_view text) { return text.empty() ? "-" : text; }

/// access 10.0.0.7:51234 "GET /v2/library/alpine/manifests/3" 200 hit - docker.io manifest …
void append_text(spdlog::memory_buf_t& out, const AccessLine& line) {
  const auto to = std::back_inserter(out);
  fmt::format_to(to, "access {} \"{} ", or_dash(line.client), or_dash(line.method));
  append_json(out, or_dash(line.path));  // decoded: may contain blanks and quotes
  fmt::format_to(to, "\" {} {} {} {} {} bytes={} ms={:.3f} first_ms={:.3f}{}", line.status,
                 to_string(line.outcome), or_dash(line.reason), or_dash(line.upstream),
                 to_string(line.kind), line.bytes, milliseconds(line.duration),
                 milliseconds(line.first_byte), line.complete ? "" : " cut");
  if (!line.via.empty()) fmt::format_to(to, " via={}", line.via);
  if (!line.user.empty()) {
    fmt::format_to(to, " user=\"");
    append_json(out, line.user);
    out.push_back('"');
  }
  if (line.error.empty()) return;
  fmt::format_to(to, " error=\"");
  append_json(out, line.error);
  out.push_back('"');
}

void append_field(spdlog::memory_buf_t& out, std::string_view name, std::string_view value) {
  fmt::format_to(std::back_inserter(out), "\"{}\":\"", name);
  append_json(out, value);
  fmt::format_to(std::back_inserter(out), "\",");
}

void append_fields(spdlog::memory_buf_t& out, const AccessLine& line) {
  append_field(out, "client", line.client);
  if (!line.via.empty()) append_field(out, "via", line.via);
  if (!line.user.empty()) append_field(out, "user", line.user);
  append_field(out, "method", line.method);
  append_field(out, "path", line.path);
  append_field(out, "outcome", to_string(line.outcome));
  append_field(out, "reason", line.reason);
  append_field(out, "upstream", line.upstream);
  append_field(out, "kind", to_string(line.kind));
  fmt::format_to(std::back_inserter(out),
                 "\"status\":{},\"bytes\":{},\"ms\":{:.3f},\"first_ms\":{:.3f},\"complete\":{}",
                 line.status, line.bytes, milliseconds(line.duration),
                 milliseconds(line.first_byte), line.complete);
  if (line.error.empty()) return;
  fmt::format_to(std::back_inserter(out), ",\"error\":\"");
  append_json(out, line.error);
  out.push_back('"');
}

}  // namespace

void AccessLog::write(const AccessLine& line) const {
  if (!enabled_) return;
  spdlog::memory_buf_t payload;
  if (json())
    append_fields(payload, line);
  else
    append_text(payload, line);
  access_logger().log(spdlog::level::info, spdlog::string_view_t(payload.data(), payload.size()));
}

}  // namespace entrepot::log
