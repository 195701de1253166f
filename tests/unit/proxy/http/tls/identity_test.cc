// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/tls/identity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/fakes/tls_identity.h"

namespace entrepot::http::tls {
namespace {

using fakes::TlsIdentity;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const auto now = std::chrono::system_clock::now();

std::string content_of(const std::string& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// A file in the folder for temporary ones, removed at the end.
class File {
 public:
  explicit File(const std::string& content)
      : path_(testing::TempDir() + "identity-" + std::to_string(::getpid())) {
    std::ofstream(path_) << content;
    std::filesystem::permissions(path_, std::filesystem::perms::owner_read);
  }
  ~File() { std::filesystem::remove(path_); }
  const std::string& path() const { return path_; }

 private:
  const std::string path_;
};

IdentityFaults faults_of(const std::string& certificate, const std::string& key) {
  IdentityFaults faults;
  load_identity({.certificate = certificate, .key = key}, now, faults);
  return faults;
}

TEST(Identity, HasTheNamesAndTheEndOfItsCertificate) {
  const TlsIdentity fake({.name = "DNS:*.Example.com, DNS:mirror.lan, IP:10.0.0.7, IP:fd00::1"});
  IdentityFaults faults;
  const Identity identity =
      load_identity({.certificate = fake.ca_file(), .key = fake.key_file()}, now, faults);
  EXPECT_THAT(faults.errors, IsEmpty());
  EXPECT_THAT(faults.warnings, IsEmpty());
  EXPECT_THAT(identity.hosts, ElementsAre("*.example.com", "mirror.lan"));
  EXPECT_THAT(identity.addresses, ElementsAre("10.0.0.7", "fd00::1"));
  EXPECT_EQ(identity.type, KeyType::ec);
  EXPECT_GE(identity.end - now, std::chrono::seconds(3590));
  EXPECT_LE(identity.end - now, std::chrono::seconds(3700));
  EXPECT_THAT(describe(identity),
              HasSubstr("*.example.com, mirror.lan, 10.0.0.7, fd00::1 (ECDSA) until 20"));
}

TEST(Identity, RefusesAWeakKey) {
  const TlsIdentity strong({.rsa_bits = 2048}), weak({.rsa_bits = 1024});
  EXPECT_THAT(faults_of(strong.ca_file(), strong.key_file()).errors, IsEmpty());
  const auto faults = faults_of(weak.ca_file(), weak.key_file());
  ASSERT_THAT(faults.errors, SizeIs(1));
  EXPECT_EQ(faults.errors.front().part, IdentityPart::key);
  EXPECT_THAT(faults.errors.front().text, HasSubstr("an RSA key of 1024 bits"));
}

TEST(Identity, RefusesTheKeyOfAnotherCertificate) {
  const TlsIdentity one, other;
  const auto faults = faults_of(one.ca_file(), other.key_file());
  ASSERT_THAT(faults.errors, SizeIs(1));
  EXPECT_THAT(faults.errors.front().text, HasSubstr("is the key of another certificate"));
}

TEST(Identity, RefusesAChainInTheWrongOrder) {
  const TlsIdentity one, other({.name = "DNS:other"});
  const File chain(content_of(other.ca_file()) + content_of(one.ca_file()));
  const auto faults = faults_of(chain.path(), one.key_file());
  ASSERT_FALSE(faults.errors.empty());
  EXPECT_THAT(faults.errors.front().text,
              HasSubstr("the certificate of the key is number 2 in " + chain.path()));
}

TEST(Identity, ReportsBothFiles) {
  const auto faults = faults_of("/nowhere/a", "/nowhere/b");
  ASSERT_THAT(faults.errors, SizeIs(2));
  EXPECT_EQ(faults.errors[0].part, IdentityPart::certificate);
  EXPECT_EQ(faults.errors[1].part, IdentityPart::key);
  EXPECT_THAT(faults.errors[1].text, HasSubstr("cannot read /nowhere/b: No such file"));
}

TEST(Identity, WarnsOfAnExpiredCertificate) {
  const TlsIdentity fake({.lifetime = -3600});
  const auto faults = faults_of(fake.ca_file(), fake.key_file());
  EXPECT_THAT(faults.errors, IsEmpty());
  ASSERT_THAT(faults.warnings, SizeIs(1));
  EXPECT_THAT(faults.warnings.front().text, HasSubstr("has expired on 20"));
}

TEST(Identity, TakesNoDamagedFile) {
  const TlsIdentity fake;
  const std::string whole = content_of(fake.ca_file());
  for (std::size_t cut = 30; cut + 1 < whole.size(); cut += 53) {
    const File file(whole.substr(0, cut));
    EXPECT_THAT(faults_of(file.path(), fake.key_file()).errors, SizeIs(1)) << cut;
  }
}

}  // namespace
}  // namespace entrepot::http::tls
