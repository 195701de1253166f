// SPDX-License-Identifier: Apache-2.0
#include "metrics/exception.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <exception>
#include <stdexcept>
#include <vector>

namespace entrepot {
namespace {

TEST(Exception, ReportsItsMessage) {
  try {
    throw std::runtime_error("no bread");
  } catch (...) {
    EXPECT_EQ(exception_text(), "no bread");
  }
  try {
    throw 7;
  } catch (...) {
    EXPECT_EQ(exception_text(), "an exception of a foreign type");
  }
}

void make_and_name(std::string& name) {
  name = job_name([] {});
}

TEST(Exception, NamesAJobAfterTheFunctionThatCreatedIt) {
  std::string name;
  make_and_name(name);
  EXPECT_THAT(name, testing::HasSubstr("make_and_name"));
}

TEST(Exception, RunOrCallsFailedAfterAThrow) {
  std::vector<std::string> steps;
  run_or([&] { steps.emplace_back("work"); }, [&] { steps.emplace_back("failed"); });
  EXPECT_THROW(run_or([] { throw std::runtime_error("x"); }, [&] { steps.emplace_back("failed"); }),
               std::runtime_error);
  EXPECT_THAT(steps, testing::ElementsAre("work", "failed"));
}

TEST(Exception, RunThenContinuesOnceInAnyCase) {
  int after = 0;
  run_then([] {}, [&] { ++after; });
  EXPECT_EQ(after, 1);
  EXPECT_THROW(run_then([] { throw std::runtime_error("x"); }, [&] { ++after; }),
               std::runtime_error);
  EXPECT_EQ(after, 2);
}

TEST(ExceptionDeathTest, UncaughtExceptionIsABug) {
  EXPECT_EXIT(
      {
        end_on_uncaught_exceptions();
        try {
          throw std::runtime_error("no bread");
        } catch (...) {
          std::terminate();
        }
      },
      testing::ExitedWithCode(70), "entrepot: bug: uncaught exception: no bread");
}

}  // namespace
}  // namespace entrepot
