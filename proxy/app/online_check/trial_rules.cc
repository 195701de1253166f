// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/online_check/trial_rules.h"

#include "proxy/upstream/auth/auth_scheme.h"
#include "proxy/upstream/wire/media_type.h"

namespace entrepot::app {
namespace {

using upstream::AuthScheme;
using upstream::EndpointFailure;

/// Some registries refuse HEAD (docs/design/endpoints.md), and answer like one all the same.
bool refuses_head(int status) { return status == 400 || status == 405 || status == 501; }

bool succeeds(int status) { return status >= 200 && status < 300; }
bool redirects(int status) { return status >= 300 && status < 400; }

std::string answers(int status) { return "answers " + std::to_string(status); }
std::string page_text() { return "answers with " + std::string(upstream::page_phrase); }

TrialJudgement good(std::string text) { return {.good = true, .text = std::move(text)}; }
TrialJudgement bad(std::string text) { return {.good = false, .text = std::move(text)}; }

/// Only an account gets in: by password, or because the token server wants one.
bool wants_account(const PullEvidence& pull) {
  if (pull.base.status == 403 && pull.mirror) return true;
  if (pull.base.status != 401) return false;
  const auto scheme = upstream::choose_scheme(pull.base.challenges, true);
  if (scheme && scheme->kind == AuthScheme::Kind::basic) return true;
  return pull.failure.reason == EndpointFailure::token && pull.failure.failure.status == 401;
}

TrialJudgement judge_success(const PullEvidence& pull, const upstream::ResponseHead& head) {
  if (upstream::is_page(head)) return bad(page_text());
  const std::string what = answers(head.status) + " for " + pull.name;
  if (head.docker_content_digest.empty() &&
      !upstream::is_manifest_type(upstream::parse_media_type(head.content_type)))
    return bad(what + ", but with no manifest and no digest; check the endpoint's url");
  return good(what);
}

}  // namespace

TrialJudgement judge_connection(const upstream::BaseAnswer& answer, bool mirror) {
  if (answer.status == 0) return bad(answer.failure);
  const std::string what = answers(answer.status) + " to /v2/";
  if (answer.status == 401) {
    if (upstream::choose_scheme(answer.challenges, true)) return good(what);
    return bad(what + " and names no login (Bearer or Basic); check the endpoint's url");
  }
  // Web servers send their redirects with a page.
  if (answer.page && !redirects(answer.status)) return bad(page_text());
  if (succeeds(answer.status)) return good(what);
  if (!answer.answered) return bad(what + ", not as a registry does; ask again later");
  if (answer.status == 403 && mirror) return good(what + ", as a mirror with logins does");
  if (answer.status == 403)
    return bad(what + ", whoever asks: it, or a firewall, may block this machine");
  if (answer.status == 404 || redirects(answer.status))
    return good(what + "; the pull shows whether it is a registry");
  return bad(what + ", not as a registry does; check the endpoint's url");
}

TrialJudgement judge_account(upstream::AccountVerdict verdict, const std::string& why) {
  using enum upstream::AccountVerdict;
  switch (verdict) {
    case accepted:
      return good("accepted");
    case refused:
    case forbidden:
      return bad("refused: " + why + "; correct its username or its password_file");
    case everybody:
      return bad(
          "the endpoint answers 403 with it and without a login: it, or a firewall, may "
          "block this machine");
    case undetermined:
      return good("/v2/ needs no login, so nothing shows whether it is accepted");
    case unanswered:
      break;
  }
  return bad("its login had no result" + (why.empty() ? "" : ": " + why) +
             "; check the token server, and token_hosts");
}

TrialJudgement judge_pull(const PullEvidence& pull) {
  if (pull.head) return judge_success(pull, *pull.head);
  const cache::Failure& failure = pull.failure.failure;
  const std::string what = answers(failure.status) + " for " + pull.name;
  if (refuses_head(failure.status)) return good(what + ", as a registry may that refuses HEAD");
  if (!cache::is_definitive(failure.kind) || failure.doubtful) return bad(failure.message);
  if (failure.status == 404 && pull.base.status == 404)
    return bad(what + " and to /v2/: no registry is there; check the endpoint's url");
  if (!pull.has_account && wants_account(pull))
    return bad(what + " without an account, and wants one; configure its credentials");
  return good(what + ", as a registry may that does not have it");
}

}  // namespace entrepot::app
