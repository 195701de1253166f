// SPDX-License-Identifier: Apache-2.0
#include "conf/named_files.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "conf/load.h"

namespace entrepot::conf {
namespace {

namespace fs = std::filesystem;

/// A folder for the configuration and a credentials folder of a service manager.
class NamedFiles : public testing::Test {
 protected:
  NamedFiles() {
    fs::create_directories(etc_ / "credentials");
    fs::create_directories(credentials_);
  }
  ~NamedFiles() override {
    ::unsetenv("CREDENTIALS_DIRECTORY");
    fs::remove_all(root_);
  }

  static fs::path new_folder() {
    std::string name = (fs::temp_directory_path() / "entrepot-conf-XXXXXX").string();
    return ::mkdtemp(name.data());
  }
  static void write(const fs::path& file, const std::string& content) {
    std::ofstream(file) << content;
    fs::permissions(file, fs::perms::owner_read);
  }
  void set_credentials_directory() const {
    ::setenv("CREDENTIALS_DIRECTORY", credentials_.c_str(), 1);
  }

  /// The password of a configuration in etc_ that names `file`.
  std::string password(const std::string& file) const {
    std::ofstream(etc_ / "entrepot.json")
        << R"({ "upstreams": { "q.io": { "endpoints": [ { "url": "https://q.io" } ],
            "credentials": [ { "username": "u", "password_file": ")"
        << file << R"(" } ] } }, "default_upstream": null })";
    return load(etc_ / "entrepot.json", {}).config.upstreams[0].credentials[0].password;
  }

  const fs::path root_ = new_folder();
  const fs::path etc_ = root_ / "etc";
  const fs::path credentials_ = root_ / "handed";
};

TEST_F(NamedFiles, FindsCertificatesAndKeysAsPasswords) {
  write(credentials_ / "tls_b.key", "");
  std::ofstream(etc_ / "entrepot.json") << R"({ "listen": [ { "address": "127.0.0.1:1", "tls": {
      "certificates": [ { "certificate": "tls/b.crt", "key": "tls/b.key" },
                        { "certificate": "/c.crt", "key": "/c.key" } ] } } ] })";
  set_credentials_directory();
  const auto config = load(etc_ / "entrepot.json", {}).config;
  const std::vector<CertificateFiles> expected{{etc_ / "tls/b.crt", credentials_ / "tls_b.key"},
                                               {"/c.crt", "/c.key"}};
  EXPECT_EQ(config.listen[0].tls->certificates, expected);
}

TEST_F(NamedFiles, FindsPasswordsBesideTheConfiguration) {
  write(etc_ / "credentials/hub", "beside\n");
  EXPECT_EQ(password("credentials/hub"), "beside");
  EXPECT_EQ(password("./credentials/hub"), "beside");
}

TEST_F(NamedFiles, PrefersCredentialsOfTheServiceManager) {
  write(etc_ / "credentials/hub", "beside\n");
  write(credentials_ / "credentials_hub", "handed\n");
  set_credentials_directory();
  EXPECT_EQ(password("credentials/hub"), "handed");
  EXPECT_EQ(password("./credentials/hub"), "handed");
  EXPECT_EQ(password((etc_ / "credentials/hub").string()), "beside") << "absolute path";
}

/// systemd copies the files when the service starts, and not when it reloads.
TEST_F(NamedFiles, PrefersAFileThatHasChangedSinceItWasHandedOver) {
  write(credentials_ / "credentials_hub", "handed\n");
  set_credentials_directory();
  EXPECT_EQ(password("credentials/hub"), "handed");
  // The clock of a file system ticks every few milliseconds.
  const fs::path beside = etc_ / "credentials/hub";
  write(beside, "beside\n");
  while (password("credentials/hub") == "handed") fs::permissions(beside, fs::perms::owner_read);
  EXPECT_EQ(password("credentials/hub"), "beside");
  EXPECT_TRUE(stale_files(load(etc_ / "entrepot.json", {}).config).empty());
  if (::geteuid() == 0) return;  // who may read everything
  fs::permissions(beside, fs::perms::none);
  EXPECT_EQ(password("credentials/hub"), "handed") << "only root can read it";
  EXPECT_EQ(stale_files(load(etc_ / "entrepot.json", {}).config),
            std::vector<std::string>{beside.string()});
}

TEST_F(NamedFiles, FallsBackToTheFolderOfTheConfiguration) {
  write(etc_ / "credentials/hub", "beside\n");
  set_credentials_directory();
  EXPECT_EQ(password("credentials/hub"), "beside");
}

TEST_F(NamedFiles, StaysInsideTheCredentialsFolder) {
  write(root_ / "elsewhere", "elsewhere\n");
  write(etc_ / "elsewhere", "beside\n");
  set_credentials_directory();
  EXPECT_EQ(password("../elsewhere"), "elsewhere") << "below etc/, not in the credentials folder";
  EXPECT_THROW(password("../nowhere"), ConfigError);
}

TEST_F(NamedFiles, FindsCaFilesBesideTheConfiguration) {
  Config config;
  config.upstreams.resize(2);
  config.upstreams[0].ca_file = "ca.pem";
  config.upstreams[1].ca_file = "/ca.pem";
  find_named_files(config, "/etc/entrepot");
  EXPECT_EQ(config.upstreams[0].ca_file, "/etc/entrepot/ca.pem");
  EXPECT_EQ(config.upstreams[1].ca_file, "/ca.pem");
}

TEST_F(NamedFiles, FindsTheFilesOfTheAdminListener) {
  Config config;
  config.admin.emplace().listener.auth.emplace().tokens = "tokens.json";
  find_named_files(config, "/etc/entrepot");
  EXPECT_EQ(config.admin->listener.auth->tokens, "/etc/entrepot/tokens.json");
}

TEST_F(NamedFiles, FindsPasswordsOfEndpoints) {
  Config config;
  config.upstreams.resize(1);
  config.upstreams[0].endpoints.resize(1);
  config.upstreams[0].endpoints[0].credentials.push_back({"u", "hub", ""});
  find_named_files(config, "/etc/entrepot");
  EXPECT_EQ(config.upstreams[0].endpoints[0].credentials[0].password_file, "/etc/entrepot/hub");
}

}  // namespace
}  // namespace entrepot::conf
