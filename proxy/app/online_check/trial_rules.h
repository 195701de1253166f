// SPDX-License-Identifier: Apache-2.0
// The rules of EndpointTrial, by which a response is good or not. Pure; any thread.
#pragma once

#include <optional>
#include <string>

#include "proxy/upstream/account/account_verdict.h"
#include "proxy/upstream/auth/base_challenge.h"
#include "proxy/upstream/request_result.h"
#include "proxy/upstream/wire/response_head.h"

namespace entrepot::app {

struct TrialJudgement {
  bool good = false;
  std::string text;  ///< the response, and the remedy if it is not good; no secret
};

/// `GET /v2/` without a login. A registry answers 200, or 401 with a login that Entrepot knows;
/// what answers 404 or redirects may be one all the same, which the pull shows.
/// `mirror`: it is another mirror, which answers 403 to requests without a login.
TrialJudgement judge_connection(const upstream::BaseAnswer& answer, bool mirror);

/// `why`: AccountCheck::why().
TrialJudgement judge_account(upstream::AccountVerdict verdict, const std::string& why);

/// The request for the head of the manifest `name`.
struct PullEvidence {
  std::string name;
  upstream::BaseAnswer base;                        ///< of /v2/
  bool mirror = false;                              ///< it is another mirror
  bool has_account = false;                         ///< one is configured
  std::optional<upstream::ResponseHead> head = {};  ///< of a success
  upstream::RequestFailure failure = {};            ///< without a success
};
/// The manifest need not exist; a registry that lets nobody in without an account is not good if
/// there is none.
TrialJudgement judge_pull(const PullEvidence& evidence);

}  // namespace entrepot::app
