// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/account/doubtful.h"

#include <string_view>

#include "proxy/upstream/transfer/failures.h"
#include "proxy/upstream/wire/response_head.h"

namespace entrepot::upstream {
namespace {

using cache::FailureKind;

void doubt(cache::Failure& failure, FailureKind kind, std::string_view why) {
  failure.doubtful = failure.doubtful || cache::is_definitive(failure.kind);
  failure.kind = kind;
  failure.message += "; ";
  failure.message += why;
}

}  // namespace

void doubt_without_account(cache::Failure& failure) {
  doubt(failure, cache::is_definitive(failure.kind) ? FailureKind::unavailable : failure.kind,
        "it refuses the configured account, so the request had none: correct the account's "
        "username or password_file");
}

void doubt_of_everybody(cache::Failure& failure) {
  doubt(failure, FailureKind::unavailable,
        "its /v2/ fails as well and names no login, so this is no matter of the account: it, or a "
        "firewall, may block this machine; check the endpoint with entrepot check --online");
}

void doubt_of_missing(cache::Failure& failure) {
  doubt(failure, failure.kind,
        "its /v2/ fails, so no login is known, and the request had no account");
}

void doubt_of_account(cache::Failure& failure) {
  doubt(failure, FailureKind::unavailable,
        "no login without a repository shows whether the account or this repository is refused; "
        "check the account's username, password_file and rights");
}

cache::Failure page_failure(const std::string& what, int status) {
  auto failure = bad_answer(
      what, "answered " + std::to_string(status) + " with " + std::string(page_phrase), status);
  failure.kind = status == 404 ? FailureKind::not_found : FailureKind::unavailable;
  failure.doubtful = true;
  return failure;
}

}  // namespace entrepot::upstream
