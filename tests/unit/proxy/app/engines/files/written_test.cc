// SPDX-License-Identifier: Apache-2.0
// Writing files of engines and taking it back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <stdexcept>

#include "proxy/app/engines/files/record.h"
#include "proxy/app/engines/files/replaced_file.h"
#include "proxy/app/engines/files/undo.h"
#include "proxy/app/engines/files/write.h"
#include "proxy/app/engines/setup/docker_setup.h"
#include "proxy/app/engines/setup/own_file.h"
#include "tests/unit/proxy/app/scratch.h"

namespace entrepot::app {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

constexpr auto engine = Engine::docker;

class Written : public testing::Test {
 protected:
  fs::path at(const fs::path& path) const { return root_ / path.relative_path(); }
  void put(const fs::path& path, std::string_view content) {
    fs::create_directories(at(path).parent_path());
    std::ofstream(at(path)) << content;
  }
  std::string get(const fs::path& path) { return content_of_file(at(path)).value_or("nothing"); }
  std::vector<std::string> names() {
    std::vector<std::string> names;
    for (const auto& entry : fs::recursive_directory_iterator(root_))
      names.push_back("/" + entry.path().lexically_relative(root_).string());
    return names;
  }
  bool write(const std::vector<EngineFile>& files) { return write_files(files, engine, root_); }
  bool undo() { return undo_files(engine, root_); }

  /// A whole file.
  static EngineFile own(const std::string& lines, bool secret = false) {
    return {"/etc/a/f.conf", std::string(own_file_marker) + lines, own_file_merge(lines, {lines}),
            secret};
  }
  static EngineFile daemon_json(const char* mirror) {
    return docker_setup(client_mirror(mirror), {}).files.front();
  }

  const Scratch scratch_;
  const fs::path root_ = fs::canonical(scratch_.path());
  const fs::path daemon_ = "/etc/docker/daemon.json";
};

TEST_F(Written, UndoRemovesAFileAndItsFolders) {
  EXPECT_TRUE(write({own("one\n")}));
  EXPECT_TRUE(write({own("two\n")}));
  EXPECT_THAT(names(), UnorderedElementsAre("/etc", "/etc/a", "/etc/a/f.conf", "/etc/entrepot",
                                            "/etc/entrepot/client-config",
                                            "/etc/entrepot/client-config/docker.json"));
  EXPECT_TRUE(undo());
  EXPECT_THAT(names(), UnorderedElementsAre());
  EXPECT_TRUE(undo());
}

TEST_F(Written, UndoKeepsFoldersThatHoldSomethingElse) {
  fs::create_directory(root_ / "etc");
  write({own("one\n")});
  put("/etc/a/theirs", "");
  EXPECT_TRUE(undo());
  EXPECT_THAT(names(), UnorderedElementsAre("/etc", "/etc/a", "/etc/a/theirs"));
}

TEST_F(Written, UndoLeavesAFileThatHasChanged) {
  write({own("one\n")});
  const auto edited = std::string(own_file_marker) + "one\nmore\n";
  put("/etc/a/f.conf", edited);
  EXPECT_FALSE(undo());
  EXPECT_FALSE(undo());
  EXPECT_EQ(get("/etc/a/f.conf"), edited);
  // When the operator has removed it, it is forgotten.
  fs::remove(at("/etc/a/f.conf"));
  EXPECT_TRUE(undo());
  EXPECT_EQ(Record(root_, engine).files().size(), 0U);
}

TEST_F(Written, AnEditedFileIsBackedUpOnce) {
  write({own("one\n")});
  put("/etc/a/f.conf", std::string(own_file_marker) + "edited\n");
  write({own("two\n")});
  write({own("three\n")});
  EXPECT_EQ(get("/etc/a/f.conf.entrepot-backup"), std::string(own_file_marker) + "edited\n");
  EXPECT_EQ(get("/etc/a/f.conf.entrepot-backup.2"), "nothing");
  EXPECT_TRUE(undo());
  EXPECT_EQ(get("/etc/a/f.conf"), "nothing");
}

TEST_F(Written, UndoRestoresTheFileOfOthers) {
  const auto* theirs = "{ \"debug\" : true }";
  put(daemon_, theirs);
  ASSERT_EQ(::chmod(at(daemon_).c_str(), 0640), 0);
  write({daemon_json("http://10.0.0.5:5000")});
  write({daemon_json("http://10.0.0.6:5000")});
  EXPECT_THAT(get(daemon_), HasSubstr("10.0.0.6"));
  EXPECT_TRUE(undo());
  EXPECT_EQ(get(daemon_), theirs);
  EXPECT_EQ(fs::status(at(daemon_)).permissions(), fs::perms(0640));
  EXPECT_THAT(names(), UnorderedElementsAre("/etc", "/etc/docker", "/etc/docker/daemon.json"));
}

TEST_F(Written, UndoRemovesItsPartsOfAChangedFile) {
  put(daemon_,
      R"({ "registry-mirrors": ["https://a"], "insecure-registries": ["10.0.0.5:5000"] })");
  write({daemon_json("http://10.0.0.5:5000")});
  auto text = get(daemon_);
  text.insert(text.find('{') + 1, "\n  \"debug\": true,");
  put(daemon_, text);
  EXPECT_TRUE(undo());
  EXPECT_EQ(get(daemon_),
            "{\n  \"debug\": true,\n  \"registry-mirrors\": [\n    \"https://a\"\n  ],\n"
            "  \"insecure-registries\": [\n    \"10.0.0.5:5000\"\n  ]\n}\n");
}

TEST_F(Written, UndoOfAChangedFileThatWasMade) {
  write({daemon_json("http://10.0.0.5:5000")});
  put(daemon_, "{ \"registry-mirrors\": [\"http://10.0.0.5:5000\"] }");  // another form
  EXPECT_TRUE(undo());
  EXPECT_EQ(get(daemon_), "nothing");

  write({daemon_json("http://10.0.0.5:5000")});
  put(daemon_, "{ \"debug\": true }");  // the operator was faster
  EXPECT_TRUE(undo());
  EXPECT_EQ(get(daemon_), "{ \"debug\": true }");
}

TEST_F(Written, UndoLeavesAFileThatCannotBeParsed) {
  write({daemon_json("http://10.0.0.5:5000")});
  put(daemon_, "{ // ours\n}");
  EXPECT_FALSE(undo());
  EXPECT_EQ(get(daemon_), "{ // ours\n}");
}

TEST_F(Written, UndoWithoutTheBackup) {
  put(daemon_, "{ \"debug\": true }");
  write({daemon_json("http://10.0.0.5:5000")});
  fs::remove(at("/etc/docker/daemon.json.entrepot-backup"));
  EXPECT_TRUE(undo());
  EXPECT_EQ(get(daemon_), "{\n  \"debug\": true\n}\n");
}

TEST_F(Written, ASecretIsNotReadableByOthers) {
  const auto mode = [&] { return fs::status(at("/etc/a/f.conf")).permissions(); };
  write({own("one\n")});
  EXPECT_EQ(mode(), fs::perms(0644));
  write({own("password\n", true)});
  EXPECT_EQ(mode(), fs::perms(0600));
  EXPECT_TRUE(undo());
  EXPECT_THAT(names(), UnorderedElementsAre());
}

TEST_F(Written, ARecordOfAnotherForm) {
  for (const auto* text : {"", "{}", "{\"files\": [1]}", "{\"files\": [{\"path\": 1}]}"}) {
    put("/etc/entrepot/client-config/docker.json", text);
    EXPECT_THROW(undo(), std::runtime_error) << text;
    EXPECT_THROW(write({own("one\n")}), std::runtime_error) << text;
  }
}

}  // namespace
}  // namespace entrepot::app
