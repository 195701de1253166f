// SPDX-License-Identifier: Apache-2.0
#include "metrics/access_log.h"

#include <fmt/format.h>
#include <spdlog/logger.h>

#include <algorithm>

#include "metrics/logging/access_file.h"
#include "metrics/logging/line_format.h"

namespace entrepot::log {
namespace {

void append_number(spdlog::memory_buf_t& out, std::uint64_t number) {
  const fmt::format_int digits(number);
  append(out, {digits.data(), digits.size()});
}

/// Milliseconds with three decimals: "2.500".
void append_ms(spdlog::memory_buf_t& out, std::chrono::nanoseconds duration) {
  const auto nanoseconds = std::max<std::int64_t>(duration.count(), 0);
  const auto microseconds = static_cast<std::uint64_t>(nanoseconds + 500) / 1000;
  append_number(out, microseconds / 1000);
  const fmt::format_int decimals(1000 + microseconds % 1000);
  append(out, ".");
  append(out, std::string_view(decimals.data(), decimals.size()).substr(1));
}

std::string_view or_dash(std::string_view text) { return text.empty() ? "-" : text; }

void append_quoted(spdlog::memory_buf_t& out, std::string_view before, std::string_view text) {
  append(out, before);
  append_json(out, text);
  out.push_back('"');
}

/// The fields that explain an exchange, of a text or of a JSON object.
class Explanation {
 public:
  Explanation(spdlog::memory_buf_t& out, bool json) : out_(out), json_(json) {}

  void write(const AccessLine& line) {
    static const UpstreamWork none;
    const UpstreamWork& work = line.work == nullptr ? none : *line.work;
    if (line.duration < slow_exchange && !is_odd(line, work)) return;
    wait("login_ms", line.login_wait);
    if (!work.endpoints.empty()) endpoints(work);
    count("kept", work.kept);
    wait("queue_ms", work.queued);
    wait("head_ms", work.awaited);
    wait("body_ms", line.waits.upstream);
    count("stalls", work.stalls);
    if (work.stalls > 0) time("stalled_ms", work.stalled);
    count("resumes", work.resumes);
    count("moves", work.moves);
    if (!work.first_moves.empty()) moves(work);
    if (work.transfers > 1) count("transfers", work.transfers);
    wait("disk_ms", line.waits.disk);
    wait("pace_ms", line.waits.pace);
    wait("client_ms", line.waits.client);
  }

 private:
  static bool is_odd(const AccessLine& line, const UpstreamWork& work) {
    const bool own =
        line.outcome != metrics::Outcome::hit && line.outcome != metrics::Outcome::joined;
    return work.kept + work.stalls + work.resumes + work.moves > 0 || (own && work.transfers > 1);
  }

  void name(std::string_view name) {
    append(out_, json_ ? ",\"" : " ");
    append(out_, name);
    append(out_, json_ ? "\":" : "=");
  }
  void count(std::string_view field, std::uint64_t number) {
    if (number == 0) return;
    name(field);
    append_number(out_, number);
  }
  void time(std::string_view field, std::chrono::nanoseconds time) {
    name(field);
    append_ms(out_, time);
  }
  void wait(std::string_view field, std::chrono::nanoseconds waited) {
    if (waited >= least_wait) time(field, waited);
  }

  /// endpoints="a.example,b.example"
  void endpoints(const UpstreamWork& work) {
    name("endpoints");
    append(out_, json_ ? "[" : "\"");
    for (const std::string& endpoint : work.endpoints) {
      if (&endpoint != &work.endpoints.front()) append(out_, ",");
      json_ ? quoted(endpoint) : append_json(out_, bounded(endpoint));
    }
    append(out_, json_ ? "]" : "\"");
  }
  /// moved="a.example>b.example slow,b.example>c.example reset"
  void moves(const UpstreamWork& work) {
    name("moved");
    append(out_, json_ ? "[" : "\"");
    for (const auto& move : work.first_moves) {
      if (&move != &work.first_moves.front()) append(out_, ",");
      const auto reason =
          move.failure ? metrics::to_string(*move.failure) : metrics::to_string(move.reason);
      json_ ? move_object(move, reason) : move_text(move, reason);
    }
    append(out_, json_ ? "]" : "\"");
  }
  void move_text(const UpstreamWork::Move& move, std::string_view reason) {
    append_json(out_, bounded(move.from));
    append(out_, ">");
    append_json(out_, bounded(move.to));
    append(out_, " ");
    append(out_, reason);
  }
  void move_object(const UpstreamWork::Move& move, std::string_view reason) {
    append(out_, "{\"from\":");
    quoted(move.from);
    append(out_, ",\"to\":");
    quoted(move.to);
    append(out_, ",\"reason\":");
    quoted(reason);
    append(out_, "}");
  }
  void quoted(std::string_view text) { append_quoted(out_, "\"", bounded(text)); }
  /// A name of a host has 253 characters at most, and its port five.
  static std::string_view bounded(std::string_view text) { return text.substr(0, 260); }

  spdlog::memory_buf_t& out_;
  const bool json_;
};

/// access 10.0.0.7:51234 "GET /v2/library/alpine/manifests/3" 200 hit - docker.io manifest …
void append_text(spdlog::memory_buf_t& out, const AccessLine& line) {
  append(out, "access ");
  append_plain(out, or_dash(line.client));
  append(out, " \"");
  append(out, or_dash(line.method));
  append_quoted(out, " ", or_dash(line.path));  // decoded: may contain blanks and quotes
  out.push_back(' ');
  append_number(out, static_cast<std::uint64_t>(line.status));
  for (const std::string_view word : {to_string(line.outcome), or_dash(line.reason),
                                      or_dash(line.upstream), to_string(line.kind)}) {
    out.push_back(' ');
    append_plain(out, word);
  }
  append(out, " bytes=");
  append_number(out, line.bytes);
  append(out, " ms=");
  append_ms(out, line.duration);
  append(out, " first_ms=");
  append_ms(out, line.first_byte);
  if (!line.complete) append(out, " cut");
  if (!line.via.empty()) append(out, " via=");
  append_plain(out, line.via);
  if (!line.user.empty()) append_quoted(out, " user=\"", line.user);
  Explanation(out, /*json=*/false).write(line);
  if (!line.error.empty()) append_quoted(out, " error=\"", line.error);
}

void append_field(spdlog::memory_buf_t& out, std::string_view name, std::string_view value) {
  append(out, "\"");
  append(out, name);
  append_quoted(out, "\":\"", value);
  append(out, ",");
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
  append(out, "\"status\":");
  append_number(out, static_cast<std::uint64_t>(line.status));
  append(out, ",\"bytes\":");
  append_number(out, line.bytes);
  append(out, ",\"ms\":");
  append_ms(out, line.duration);
  append(out, ",\"first_ms\":");
  append_ms(out, line.first_byte);
  append(out, line.complete ? ",\"complete\":true" : ",\"complete\":false");
  Explanation(out, /*json=*/true).write(line);
  if (!line.error.empty()) append_quoted(out, ",\"error\":\"", line.error);
}

void append_payload(spdlog::memory_buf_t& out, const AccessLine& line, bool json) {
  json ? append_fields(out, line) : append_text(out, line);
}

void write_to_file(AccessFile& file, const AccessLine& line) {
  thread_local spdlog::memory_buf_t payload, text;
  payload.clear();
  text.clear();
  append_payload(payload, line, json());
  append_line(text, json() ? LineStyle::json : LineStyle::text, spdlog::log_clock::now(),
              spdlog::level::info, true, {payload.data(), payload.size()});
  text.push_back('\n');
  file.append({text.data(), text.size()});
}

/// Errors and what took an upstream are rare and tell more than another hit.
bool is_common(const AccessLine& line) {
  return line.outcome == metrics::Outcome::hit && line.complete && line.status < 400;
}

/// True for one of `every` calls on each thread.
bool in_sample(unsigned every) {
  thread_local unsigned number = 0;
  return number++ % every == 0;
}

}  // namespace

void AccessLog::write(const AccessLine& line) const {
  const unsigned sample = sample_.load(std::memory_order_relaxed);
  if (!enabled() || (sample > 1 && is_common(line) && !in_sample(sample))) return;
  if (AccessFile* const file = access_file()) return write_to_file(*file, line);
  spdlog::memory_buf_t payload;
  append_payload(payload, line, json());
  access_logger().log(spdlog::level::info, spdlog::string_view_t(payload.data(), payload.size()));
}

}  // namespace entrepot::log
