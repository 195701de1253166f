// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/account/account_verdict.h"

namespace entrepot::upstream {
namespace {

constexpr bool refuses(int status) { return status == 401 || status == 403; }

/// No response, or one that says nothing about the request.
constexpr bool unanswered(int status) { return status == 0 || status == 429 || status >= 500; }

}  // namespace

AccountVerdict judge(const AccountEvidence& evidence) {
  if (evidence.token_status && !evidence.granted)
    return refuses(*evidence.token_status) ? AccountVerdict::refused : AccountVerdict::unanswered;
  if (evidence.base_status && refuses(*evidence.base_status)) return AccountVerdict::refused;
  if (evidence.granted) return AccountVerdict::accepted;
  if (!evidence.base_status) return AccountVerdict::untold;
  if (unanswered(*evidence.base_status)) return AccountVerdict::unanswered;
  const bool success = *evidence.base_status >= 200 && *evidence.base_status < 300;
  return success && !evidence.open ? AccountVerdict::accepted : AccountVerdict::untold;
}

Blame blame_of(int status, AccountVerdict verdict) {
  switch (verdict) {
    case AccountVerdict::accepted:
      return Blame::repository;
    case AccountVerdict::refused:
      return Blame::account;
    case AccountVerdict::untold:
      return status == 401 ? Blame::unknown : Blame::repository;
    case AccountVerdict::unanswered:
      break;
  }
  return Blame::unknown;
}

}  // namespace entrepot::upstream
