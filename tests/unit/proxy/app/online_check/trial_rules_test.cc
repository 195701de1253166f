// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/online_check/trial_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace entrepot::app {
namespace {

using cache::FailureKind;
using ::testing::HasSubstr;
using upstream::BaseAnswer;
using upstream::EndpointFailure;

std::vector<upstream::Challenge> parsed(const std::string& value) {
  const std::vector<std::string> values{value};
  return upstream::parse_challenges(values);
}
const auto basic = parsed("Basic realm=\"x\"");
const auto bearer = parsed("Bearer realm=\"https://t.test/token\",service=\"x\"");

BaseAnswer base(int status, std::vector<upstream::Challenge> challenges = {}, bool page = false) {
  return {.answered = status > 0 && status < 500 && status != 429,
          .status = status,
          .page = page,
          .challenges = std::move(challenges)};
}

TEST(TrialRules, Connection) {
  struct Case {
    const char* name;
    BaseAnswer answer;
    bool good;
  };
  const Case cases[] = {
      {"open", base(200), true},
      {"by token", base(401, bearer), true},
      {"by password, of a web server with a page", base(401, basic, true), true},
      {"401 without a login", base(401), false},
      {"a page", base(200, {}, true), false},
      {"a page with 403", base(403, {}, true), false},
      {"a page with 404", base(404, {}, true), false},
      {"403", base(403), false},
      {"404, which static registries may answer", base(404), true},
      {"a redirect", base(302), true},
      {"a redirect of a web server", base(302, {}, true), true},
      {"405", base(405), false},
      {"429", base(429), false},
      {"503", base(503), false},
      {"none", base(0), false},
  };
  for (const auto& one : cases) {
    const auto judged = judge_connection(one.answer, false);
    EXPECT_EQ(judged.good, one.good) << one.name << ": " << judged.text;
  }
  EXPECT_TRUE(judge_connection(base(403), true).good) << "a mirror with logins";
  EXPECT_FALSE(judge_connection(base(403, {}, true), true).good) << "a page before it";
}

TEST(TrialRules, Account) {
  using enum upstream::AccountVerdict;
  for (const auto verdict : {refused, forbidden, everybody, unanswered})
    EXPECT_FALSE(judge_account(verdict, "why").good);
  for (const auto verdict : {accepted, undetermined})
    EXPECT_TRUE(judge_account(verdict, "why").good);
  EXPECT_THAT(judge_account(refused, "it answered 401").text, HasSubstr("it answered 401"));
}

PullEvidence success(std::string content_type, std::string digest) {
  upstream::ResponseHead head;
  head.status = 200;
  head.content_type = std::move(content_type);
  head.docker_content_digest = std::move(digest);
  return {.name = "a:b", .base = base(200), .head = std::move(head)};
}

TEST(TrialRules, APullThatSucceedsHasAManifest) {
  EXPECT_TRUE(judge_pull(success("application/vnd.oci.image.index.v1+json", "")).good);
  EXPECT_TRUE(judge_pull(success("", "sha256:00")).good);
  EXPECT_FALSE(judge_pull(success("application/json", "")).good);
  EXPECT_FALSE(judge_pull(success("text/html", "")).good);
}

struct Refusal {
  const char* name;
  BaseAnswer base;
  int status;
  FailureKind kind;
  bool good = true;
  bool has_account = false;
  EndpointFailure reason = EndpointFailure::denied;
  bool doubtful = false;
};

TEST(TrialRules, AMirrorWithLoginsWantsAnAccount) {
  PullEvidence pull{.name = "a:b", .base = base(403), .mirror = true};
  pull.failure.failure.kind = FailureKind::denied;
  pull.failure.failure.status = 403;
  EXPECT_FALSE(judge_pull(pull).good);
  pull.has_account = true;
  EXPECT_TRUE(judge_pull(pull).good) << "the rules of the mirror may not allow this image";
}

TEST(TrialRules, APullThatIsRefused) {
  const auto denied = FailureKind::denied;
  const auto not_found = FailureKind::not_found;
  const Refusal cases[] = {
      {"it does not have it", base(200), 404, not_found},
      {"nor a /v2/", base(404), 404, not_found, false},
      {"with a token for everybody", base(401, bearer), 401, denied},
      {"403 of the token server for what is not public", base(401, bearer), 403, denied, true,
       false, EndpointFailure::token},
      {"no anonymous tokens", base(401, bearer), 401, denied, false, false, EndpointFailure::token},
      {"by password only", base(401, basic), 401, denied, false},
      {"the account may not read it", base(401, basic), 401, denied, true, true},
      {"perhaps the account is refused", base(200), 401, denied, false, true,
       EndpointFailure::denied, true},
      {"it refuses HEAD", base(200), 405, FailureKind::bad_upstream},
      {"it fails", base(200), 503, FailureKind::unavailable, false},
  };
  for (const auto& one : cases) {
    PullEvidence pull{.name = "a:b", .base = one.base, .has_account = one.has_account};
    pull.failure.reason = one.reason;
    pull.failure.failure.kind = one.kind;
    pull.failure.failure.status = one.status;
    pull.failure.failure.doubtful = one.doubtful;
    const auto judged = judge_pull(pull);
    EXPECT_EQ(judged.good, one.good) << one.name << ": " << judged.text;
  }
}

}  // namespace
}  // namespace entrepot::app
