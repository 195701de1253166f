// SPDX-License-Identifier: Apache-2.0
#include "proxy/access/login/password_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace entrepot::access {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pointee;

const std::string bcrypt_hash = "$2y$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e";
const std::string sha_hash = "$5$saltsalt$myjXcpMpE2Ofk7fj9hqyNYSn6lmWG4Mqnjx.KIRRr4/";

PasswordFile password_file(std::string_view text) {
  return std::get<PasswordFile>(PasswordFile::parse(text));
}
std::vector<Problem> problems_of_passwords(std::string_view text) {
  const auto parsed = PasswordFile::parse(text);
  const auto* problems = std::get_if<std::vector<Problem>>(&parsed);
  return problems == nullptr ? std::vector<Problem>() : *problems;
}

TEST(PasswordFile, FindsTheHashOfAUser) {
  const auto users = password_file("ci:" + bcrypt_hash + "\nzoe:" + sha_hash + "\n");
  EXPECT_EQ(users.size(), 2U);
  EXPECT_THAT(users.hash_of("ci"), Pointee(bcrypt_hash));
  EXPECT_THAT(users.hash_of("zoe"), Pointee(sha_hash));
  EXPECT_EQ(users.hash_of("c"), nullptr);
  EXPECT_EQ(users.hash_of("CI"), nullptr);
  EXPECT_EQ(users.hash_of(""), nullptr);
}

TEST(PasswordFile, IgnoresCommentsEmptyLinesAndSpacesAtTheEnd) {
  const auto users = password_file("\xef\xbb\xbf# users\r\n\r\nci:" + bcrypt_hash +
                                   "\r\n   \n#zoe:x\nzoe:" + sha_hash + " \t");
  EXPECT_EQ(users.size(), 2U);
  EXPECT_THAT(users.hash_of("ci"), Pointee(bcrypt_hash));
  EXPECT_THAT(users.hash_of("zoe"), Pointee(sha_hash));
  EXPECT_EQ(password_file("").size(), 0U);
}

TEST(PasswordFile, ProblemsHaveTheNumberOfTheirLine) {
  const auto at = [](const std::string& where, const std::string& what) {
    return AllOf(Field(&Problem::where, where), Field(&Problem::what, HasSubstr(what)));
  };
  EXPECT_THAT(
      problems_of_passwords("# users\nci:" + bcrypt_hash + "\nci:" + bcrypt_hash +
                            "\nnobody\n:" + bcrypt_hash + "\nzoe:\n" + "a\tb:" + bcrypt_hash +
                            "\nold:$apr1$c5snDUOw$T4bg5ZtfkkyCjcWwTd/HY/\n" +
                            std::string(256, 'a') + ":" + bcrypt_hash + "\nrealm:user:0123\n"),
      ElementsAre(at("line 3", "a second line for ci"), at("line 4", "no colon"),
                  at("line 5", "the name is empty"), at("line 6", "of zoe: no hash"),
                  at("line 7", "control character"),
                  at("line 8", "of old: MD5 (apr1); make it again by `htpasswd -B`"),
                  at("line 9", "longer than 255"), at("line 10", "of realm: ")));
}

TEST(PasswordFile, ProblemsRepeatNoHashAndNoControlCharacter) {
  for (const auto& problem : problems_of_passwords("zo\xc2\x9b:secret\nnocolonsecret\x1b[2J\n")) {
    EXPECT_EQ(problem.what.find("secret"), std::string::npos) << problem.what;
    EXPECT_EQ(problem.what.find('\x1b'), std::string::npos);
    EXPECT_EQ(problem.what.find("\xc2\x9b"), std::string::npos);
  }
}

TEST(PasswordFile, Bounds) {
  EXPECT_EQ(problems_of_passwords(std::string(PasswordFile::max_size + 1, '\n')).size(), 1U);
  EXPECT_THAT(problems_of_passwords(std::string(PasswordFile::max_size, '\n')), IsEmpty());
  EXPECT_EQ(problems_of_passwords(std::string(1000, ':') + std::string(1000, '\n')).size(), 1U);
  std::string many;
  for (int i = 0; i < 50; ++i) many += "x\n";
  EXPECT_EQ(problems_of_passwords(many).size(), Problems::most + 1);
  EXPECT_EQ(problems_of_passwords(many).back().what, "and 30 more");
}

}  // namespace
}  // namespace entrepot::access
