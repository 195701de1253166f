// SPDX-License-Identifier: Apache-2.0
// `entrepot deny` refuses patterns that no repository can match.
#include "proxy/app/deny/denial_pattern.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace entrepot::app {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string fault(std::string_view pattern) {
  return fault_of_new_denial(pattern, {{"docker.io", true}, {"quay.io", false}}).value_or("none");
}

TEST(DenialPattern, APatternThatARepositoryCanMatch) {
  for (const auto* pattern :
       {"docker.io/library/app", "docker.io/*", "docker.io/app*", "docker.io/?pp",
        "docker.io/*-app", "docker.io/*/miner*", "docker.io/acme/[a-c]*", "docker.io/acme/app_*",
        "docker.io/a[!A-Z]c", "docker.io/acme/a__b--c.d", "docker.io/acme/*__*", "docker.io/*/*/*",
        "docker.io/[]A]/b", "quay.io/app", "quay.io/\\a/[*]"})
    EXPECT_EQ(fault(pattern), "none") << pattern;
}

TEST(DenialPattern, TheUpstreamIsAConfiguredOne) {
  EXPECT_THAT(fault(""), HasSubstr("which pattern?"));
  EXPECT_THAT(fault("alpine"), HasSubstr("no upstream \"alpine\""));
  EXPECT_THAT(fault("Docker.io/library/app"), HasSubstr("no upstream"));
  EXPECT_THAT(fault("ghcr.io/acme/app"), HasSubstr("such as docker.io/library/*"));
  EXPECT_THAT(fault_of_new_denial("quay.io/x", {}).value_or(""), HasSubstr("no upstream"));
  EXPECT_THAT(fault("docker.io"), HasSubstr("write docker.io/* for all"));
  EXPECT_THAT(fault("docker.io/[a"), HasSubstr("["));
}

TEST(DenialPattern, OnDockerHubANameOfOnePartIsOneOfTheLibrary) {
  EXPECT_THAT(fault("docker.io/app"), HasSubstr("write docker.io/library/app"));
  EXPECT_EQ(fault("quay.io/app"), "none");
}

TEST(DenialPattern, ADenialIsForWholeRepositories) {
  EXPECT_THAT(fault("docker.io/library/app:latest"),
              AllOf(HasSubstr("whole repositories"), HasSubstr("write docker.io/library/app")));
  EXPECT_THAT(fault("quay.io/a/b@sha256:abc"), HasSubstr("write quay.io/a/b"));
  EXPECT_THAT(fault("quay.io/a/*:*"), HasSubstr("write quay.io/a/*"));
}

TEST(DenialPattern, NoRepositoryHasSuchAName) {
  EXPECT_THAT(fault("docker.io/library/App*"), HasSubstr("write docker.io/library/app*"));
  for (const auto* name : {"/x", "a//b", "*-", "a/", "../x", "a/..", " ", "a b", "*/", "/*", "a-/*",
                           "_a", "a..b", "a._b", "*a___b*", "\xc3\xa9", "a\\*b", "a/."})
    EXPECT_THAT(fault("quay.io/" + std::string(name)), HasSubstr("no repository can match"))
        << name;
}

}  // namespace
}  // namespace entrepot::app
