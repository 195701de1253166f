// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/transfer/failures.h"

#include <utility>

#include "proxy/upstream/wire/retry_after.h"

namespace entrepot::upstream {
namespace {

/// The wait that clients are told when too many transfers are queued.
constexpr std::chrono::seconds wait_while_overloaded{10};

constexpr std::string_view proxy_advice =
    "check the upstream's proxy: its rules, username, password_file and ca_file";

struct StatusMeaning {
  cache::FailureKind kind;
  EndpointFailure reason;
  std::string_view advice;
};

StatusMeaning meaning_of(int status) {
  using Kind = cache::FailureKind;
  switch (status) {
    case 404:
    case 410:
      return {Kind::not_found, EndpointFailure::not_found, "the upstream does not have it"};
    case 401:
    case 403:
    case 451:
      return {Kind::denied, EndpointFailure::denied,
              "the upstream's credentials, or the lack of them, do not allow it"};
    case 402:
    case 412:  // no condition of ours: a policy of the registry (Harbor: vulnerable, unsigned)
      return {Kind::denied, EndpointFailure::denied, "the upstream's policy does not allow it"};
    case 416:  // to a range within the size that was announced
      return {Kind::bad_upstream, EndpointFailure::bad_upstream,
              "it lacks bytes of the size it announced"};
    case 429:
      return {Kind::rate_limited, EndpointFailure::rate_limited,
              "the upstream wants fewer requests; credentials may raise the limit"};
    case 508:
      return {
          Kind::bad_upstream, EndpointFailure::server_error,
          "it leads back to this mirror, or to one it asks itself; take it out of the endpoints"};
    case 408:
      return {Kind::unavailable, EndpointFailure::server_error, "asking again later may help"};
    default:
      break;
  }
  if (status >= 500)
    return {Kind::unavailable, EndpointFailure::server_error, "asking again later may help"};
  return {Kind::bad_upstream, EndpointFailure::bad_upstream,
          "this is no answer of a registry; check the endpoint's url"};
}

}  // namespace

cache::FailureKind kind_of(const TransferEnd& end) {
  switch (end.kind) {
    case TransferEnd::Kind::unreachable:
    case TransferEnd::Kind::timeout:
    case TransferEnd::Kind::proxy:
    case TransferEnd::Kind::unwanted:
    case TransferEnd::Kind::overloaded:
      return cache::FailureKind::unavailable;
    default:
      return cache::FailureKind::bad_upstream;
  }
}

bool given_up(const TransferEnd& end) {
  return end.kind == TransferEnd::Kind::unwanted || end.kind == TransferEnd::Kind::overloaded;
}

bool worth_retrying(const TransferEnd& end) {
  // A TLS handshake is retried because libcurl tells a reset within it no other way.
  return end.kind == TransferEnd::Kind::unreachable || end.kind == TransferEnd::Kind::timeout ||
         end.kind == TransferEnd::Kind::tls;
}

std::string advice(const TransferEnd& end) {
  switch (end.kind) {
    case TransferEnd::Kind::certificate:
      return "check the certificate, or name its CA in the upstream's ca_file";
    case TransferEnd::Kind::tls:
      return "check that it speaks TLS 1.2 or later";
    case TransferEnd::Kind::forbidden_address:
      return "if that is your own network, set \"internal\": true on the upstream";
    case TransferEnd::Kind::malformed:
      return "check the endpoint's url and what stands between";
    case TransferEnd::Kind::proxy:
      return std::string(proxy_advice);
    case TransferEnd::Kind::unwanted:
    case TransferEnd::Kind::overloaded:
      return "ask again later";
    default:
      return "check the network, or ask again later";
  }
}

cache::Failure transport_failure(const std::string& what, const TransferEnd& end) {
  cache::Failure failure;
  failure.kind = kind_of(end);
  failure.message = what + ": " + end.detail + "; " + advice(end);
  failure.given_up = given_up(end);
  if (end.kind == TransferEnd::Kind::overloaded) failure.retry_after = wait_while_overloaded;
  return failure;
}

cache::Failure status_failure(const std::string& what, const ResponseHead& head,
                              std::chrono::system_clock::time_point now, std::string reason) {
  const StatusMeaning meaning = meaning_of(head.status);
  cache::Failure failure;
  failure.kind = meaning.kind;
  failure.message = what + ": answered " + std::to_string(head.status) + "; ";
  failure.message += reason.empty() ? std::string(meaning.advice) : "the registry says: " + reason;
  failure.reason = std::move(reason);
  failure.status = head.status;
  failure.retry_after = parse_retry_after(head.retry_after, now).value_or(std::chrono::seconds(0));
  return failure;
}

EndpointFailure failure_reason(int status) { return meaning_of(status).reason; }

cache::Failure bad_answer(const std::string& what, std::string_view why, int status) {
  cache::Failure failure;
  failure.kind = cache::FailureKind::bad_upstream;
  failure.message = what + ": ";
  failure.message += why;
  failure.status = status;
  return failure;
}

}  // namespace entrepot::upstream
