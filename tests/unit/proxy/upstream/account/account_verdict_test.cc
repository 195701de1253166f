// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/account/account_verdict.h"

#include <gtest/gtest.h>

namespace entrepot::upstream {
namespace {

struct Case {
  const char* name;
  AccountEvidence evidence;
  AccountVerdict verdict;
};

TEST(AccountVerdict, ByTheResponsesToALogin) {
  using enum AccountVerdict;
  const Case cases[] = {
      // By a token server.
      {"its 401 to the password", {.token_status = 401}, refused},
      {"its 403 to the password", {.token_status = 403}, forbidden},
      {"the 403 of a firewall before it", {.token_status = 403, .page = true}, unanswered},
      {"its 403, where the registry's is for everybody",
       {.anonymous_status = 403, .token_status = 403},
       everybody},
      {"its rate limit", {.token_status = 429}, unanswered},
      {"its error", {.token_status = 503}, unanswered},
      {"no token server", {.token_status = 0}, unanswered},
      {"a server that wants a scope", {.token_status = 400}, unanswered},
      {"a token that is accepted",
       {.token_status = 200, .granted = true, .base_status = 200},
       accepted},
      {"a token that is refused",
       {.token_status = 200, .granted = true, .base_status = 401},
       refused},
      {"403 with each token",
       {.anonymous_status = 401, .token_status = 200, .granted = true, .base_status = 403},
       forbidden},
      {"403 for everybody",
       {.anonymous_status = 403, .token_status = 200, .granted = true, .base_status = 403},
       everybody},
      {"the 403 of a firewall",
       {.anonymous_status = 401,
        .token_status = 200,
        .granted = true,
        .base_status = 403,
        .page = true},
       unanswered},
      {"401 with a page, as of a web server that knows passwords",
       {.anonymous_status = 401, .base_status = 401, .page = true},
       refused},
      {"a token, then an error",
       {.token_status = 200, .granted = true, .base_status = 503},
       accepted},
      {"a token, and no /v2/",
       {.token_status = 200, .granted = true, .base_status = 404},
       accepted},
      // By a password.
      {"a password that is refused", {.base_status = 401}, refused},
      {"a password that is refused where others need none",
       {.anonymous_status = 200, .base_status = 401},
       refused},
      {"a password without rights", {.anonymous_status = 401, .base_status = 403}, forbidden},
      {"a password where everybody gets 403",
       {.anonymous_status = 403, .base_status = 403},
       everybody},
      {"a password that a mirror refuses",
       {.mirror = true, .anonymous_status = 403, .base_status = 403},
       refused},
      {"a firewall before a mirror",
       {.mirror = true, .anonymous_status = 401, .base_status = 403, .page = true},
       unanswered},
      {"403 for everybody, and no login is named", {.anonymous_status = 403}, everybody},
      {"a password that is accepted", {.base_status = 200}, accepted},
      {"a /v2/ that is open", {.anonymous_status = 200, .base_status = 200}, undetermined},
      {"no /v2/", {.base_status = 404}, undetermined},
      {"a redirect of /v2/", {.base_status = 302}, undetermined},
      {"a rate limit", {.base_status = 429}, unanswered},
      {"an error", {.base_status = 500}, unanswered},
      {"no response", {.base_status = 0}, unanswered},
      {"nothing to send", {.anonymous_status = 200}, undetermined},
  };
  for (const auto& one : cases) EXPECT_EQ(judge(one.evidence), one.verdict) << one.name;
}

TEST(AccountVerdict, BlamesTheAccountOrTheRepository) {
  for (const int status : {401, 403}) {
    EXPECT_EQ(blame_of(status, AccountVerdict::refused), Blame::account);
    EXPECT_EQ(blame_of(status, AccountVerdict::accepted), Blame::repository);
    for (const auto verdict :
         {AccountVerdict::unanswered, AccountVerdict::forbidden, AccountVerdict::everybody})
      EXPECT_EQ(blame_of(status, verdict), Blame::unknown);
  }
  EXPECT_EQ(blame_of(401, AccountVerdict::undetermined), Blame::unknown);
  EXPECT_EQ(blame_of(403, AccountVerdict::undetermined), Blame::repository);
}

}  // namespace
}  // namespace entrepot::upstream
