// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/account/account_verdict.h"

namespace entrepot::upstream {
namespace {

constexpr bool succeeds(int status) { return status >= 200 && status < 300; }

/// No response, or one that says nothing about the request.
constexpr bool unanswered(int status) { return status == 0 || status == 429 || status >= 500; }

/// `status`: of a response to the password or token. nullopt: no refusal.
std::optional<AccountVerdict> refusal(int status, const AccountEvidence& evidence) {
  if (status == 401) return AccountVerdict::refused;
  if (status != 403) return std::nullopt;
  if (evidence.mirror && !evidence.page) return AccountVerdict::refused;
  if (evidence.anonymous_status == 403) return AccountVerdict::everybody;
  return evidence.page ? AccountVerdict::unanswered : AccountVerdict::forbidden;
}

}  // namespace

AccountVerdict judge(const AccountEvidence& evidence) {
  if (evidence.token_status && !evidence.granted)
    return refusal(*evidence.token_status, evidence).value_or(AccountVerdict::unanswered);
  if (evidence.base_status)
    if (const auto verdict = refusal(*evidence.base_status, evidence)) return *verdict;
  if (evidence.granted) return AccountVerdict::accepted;
  if (!evidence.base_status)
    return evidence.anonymous_status == 403 ? AccountVerdict::everybody
                                            : AccountVerdict::undetermined;
  if (unanswered(*evidence.base_status)) return AccountVerdict::unanswered;
  return succeeds(*evidence.base_status) && !succeeds(evidence.anonymous_status)
             ? AccountVerdict::accepted
             : AccountVerdict::undetermined;
}

Blame blame_of(int status, AccountVerdict verdict) {
  switch (verdict) {
    case AccountVerdict::accepted:
      return Blame::repository;
    case AccountVerdict::refused:
      return Blame::account;
    case AccountVerdict::undetermined:
      return status == 401 ? Blame::unknown : Blame::repository;
    case AccountVerdict::forbidden:
    case AccountVerdict::everybody:
    case AccountVerdict::unanswered:
      break;
  }
  return Blame::unknown;
}

}  // namespace entrepot::upstream
