// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/engines/docker_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>

#include "tests/unit/proxy/app/scratch.h"

namespace entrepot::app {
namespace {

using testing::HasSubstr;

/// A program docker of the test's, in place of every other program.
class DockerStoreTest : public testing::Test {
 protected:
  void SetUp() override { ::setenv("PATH", scratch_.path().c_str(), 1); }
  void TearDown() override { ::setenv("PATH", path_.c_str(), 1); }

  /// `script`: of a shell without programs.
  void install(const std::string& script) {
    const auto docker = scratch_.path() / "docker";
    std::ofstream(docker) << "#!/bin/sh\n" << script << "\n";
    ::chmod(docker.c_str(), 0755);
  }

  const Scratch scratch_;
  const std::string path_ = std::getenv("PATH");
  const std::chrono::hours long_enough{1};
};

TEST_F(DockerStoreTest, Answers) {
  install(
      "[ \"$*\" = 'info --format {{json .DriverStatus}} {{.ServerVersion}}' ] && "
      "echo '[[\"driver-type\",\"io.containerd.snapshotter.v1\"]] 28.5.2+dfsg4'");
  EXPECT_EQ(ask_docker_for_its_store(long_enough).store, DockerStore::containerd);
  install("echo '[[\"Backing Filesystem\",\"extfs\"],[\"Supports d_type\",\"true\"]] 28.5.2'");
  EXPECT_EQ(ask_docker_for_its_store(long_enough).store, DockerStore::graphdriver);
}

TEST_F(DockerStoreTest, ContainerdsImageStoreBefore28LooksForMirrorsInDaemonJson) {
  const auto found = [&](const std::string& version) {
    install("echo '[[\"driver-type\",\"io.containerd.snapshotter.v1\"]] " + version + "'");
    return ask_docker_for_its_store(long_enough);
  };
  for (const auto* before : {"26.1.5+dfsg1-9", "27.5.1", "25.0.0-rc.1"}) {
    EXPECT_EQ(found(before).store, DockerStore::graphdriver) << before;
    EXPECT_THAT(found(before).note, HasSubstr(before)) << before;
  }
  for (const auto* later : {"28.0.0", "29.1.0", "30", "dev", ""}) {
    EXPECT_EQ(found(later).store, DockerStore::containerd) << later;
    EXPECT_EQ(found(later).note, "") << later;
  }
}

TEST_F(DockerStoreTest, Failures) {
  const auto why = [&](std::chrono::milliseconds patience) {
    const auto found = ask_docker_for_its_store(patience);
    EXPECT_EQ(found.store, std::nullopt);
    return found.why;
  };
  EXPECT_THAT(why(long_enough), HasSubstr("no program docker"));
  for (const auto* failure : {"exit 1", "echo null; exit 1", "echo '<no value>'", "kill -9 $$"}) {
    install(failure);
    EXPECT_THAT(why(long_enough), HasSubstr("is Docker running")) << failure;
  }
  install("kill -STOP $$");
  EXPECT_THAT(why(std::chrono::milliseconds(1)), HasSubstr("does not answer"));
  install("while :; do echo '[['; done");
  EXPECT_EQ(ask_docker_for_its_store(long_enough).store, DockerStore::graphdriver);
}

}  // namespace
}  // namespace entrepot::app
