// SPDX-License-Identifier: Apache-2.0
#include "proxy/access/login/password_hash.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace entrepot::access {
namespace {

using testing::HasSubstr;
using testing::Optional;

// Made by libcrypt through Python's crypt, the one of SHA-512 also by `openssl passwd -6`, and the
// last by `htpasswd -nbB -C 4`.
const std::vector<std::string> hashes_of_correct_horse = {
    "$2y$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
    "$2b$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2",
    "$2a$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
    "$5$saltsalt$myjXcpMpE2Ofk7fj9hqyNYSn6lmWG4Mqnjx.KIRRr4/",
    "$5$rounds=1000$saltsalt$R6e4P8ccT9iMqkYg7Z8YtpId/lfsIfnuPkp8WXposU8",
    "$6$saltsalt$hRM5XZ86KXEw9UOmjigeVqFgULtFB2sgpC9lXQDfMib3Zgw7mEiUvBJI2EplzfAqxL5Vvwp2scFtv/"
    "uamSo5z0",
    "$6$rounds=1234$0123456789abcdef$yJKAU.GCgxQxo9NIHthYvSOZlwcGg6tBNIwD1wtfwrQJ8ZAMotNBlAVg1rHuHu"
    "eFD9A/6OxeAnDolLXIH.xSz1",
    "$y$j75$abcdefghijklmnop$1kKL1r02wT4HlcktLfzeoOHd1GFgv7Ay4JeEbqGj80B",
    "$y$j9T$abcdefghijklmnop$0Hi8KsZH/hAMRN9Bam6ce3nmi5QAIz3R/KeaXG/c7p9",
    "$2y$04$.nBqL7Ad40EEMsJnbgq9Q.qWnNPxLE8NpIomjW.4IzXPE3W8KHlgy",
};

TEST(PasswordHash, VerifiesKnownHashes) {
  for (const auto& hash : hashes_of_correct_horse) {
    EXPECT_EQ(fault_of_hash(hash), std::nullopt) << hash;
    EXPECT_TRUE(verify("correct horse", hash)) << hash;
    EXPECT_FALSE(verify("correct horsf", hash)) << hash;
    EXPECT_FALSE(verify("correct hors", hash)) << hash;
    EXPECT_FALSE(verify("", hash)) << hash;
  }
}

TEST(PasswordHash, OneOtherCharacterOfTheHashIsAnotherPassword) {
  for (auto hash : hashes_of_correct_horse) {
    // The last character of a result has bits that are not used; the one before has none.
    char& c = hash[hash.size() - 2];
    c = c == 'a' ? 'b' : 'a';
    EXPECT_FALSE(verify("correct horse", hash)) << hash;
  }
}

TEST(PasswordHash, UnusualPasswords) {
  EXPECT_TRUE(verify("", "$2y$04$abcdefghijklmnopqrstuubyCG3zY1GIXMyxfivm.ClDiInHzxjiq"));
  EXPECT_TRUE(
      verify("p\xc3\xa4ssword", "$2y$04$abcdefghijklmnopqrstuum174eFeoTj0DHmtuueFaS3Wde4P7wHG"));
}

TEST(PasswordHash, BcryptIgnoresBytesBeyondThe72nd) {
  const std::string hash = "$2y$04$abcdefghijklmnopqrstuubzadhGtS2zEF.gu0yd0opP6cVzb.e0i";
  EXPECT_TRUE(verify(std::string(72, 'x'), hash));
  EXPECT_TRUE(verify(std::string(72, 'x') + "anything", hash));
  EXPECT_FALSE(verify(std::string(71, 'x'), hash));
}

TEST(PasswordHash, PasswordsWithNulOrOfTooManyBytesAreWrong) {
  const auto& hash = hashes_of_correct_horse[0];
  EXPECT_FALSE(verify(std::string("correct horse\0", 14), hash));
  EXPECT_FALSE(verify(std::string("correct horse\0tail", 18), hash));
  const std::string hash_of_longest =
      "$6$saltsalt$JAV3aVyW8E1GiN.RBWNCuKunpF/"
      "l5jUawTna3MV8gb6VI4f7Oa6rd727mrkQuMnYSu8l64vcVSrgSX5LCXOrp/";
  EXPECT_TRUE(verify(std::string(longest_password, 'x'), hash_of_longest));
  EXPECT_FALSE(verify(std::string(longest_password + 1, 'x'), hash_of_longest));
  EXPECT_FALSE(verify(std::string(1 << 20, 'x'), hash));
}

TEST(PasswordHash, WeakFormsAreRefusedByName) {
  EXPECT_EQ(fault_of_hash("$apr1$c5snDUOw$T4bg5ZtfkkyCjcWwTd/HY/"),
            "MD5 (apr1); make it again by `htpasswd -B`");
  EXPECT_THAT(fault_of_hash("$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/"), Optional(HasSubstr("MD5;")));
  EXPECT_THAT(fault_of_hash("{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="), Optional(HasSubstr("SHA-1")));
  EXPECT_THAT(fault_of_hash("W6we.3i74D0fQ"), Optional(HasSubstr("DES")));
  EXPECT_THAT(fault_of_hash("secret"), Optional(HasSubstr("plain text")));
  EXPECT_THAT(fault_of_hash("$7$CU..../....$x"), Optional(HasSubstr("unknown form")));
  EXPECT_THAT(fault_of_hash("$2x$04$abcdefghijklmnopqrstuubyCG3zY1GIXMyxfivm.ClDiInHzxjiq"),
              Optional(HasSubstr("old form of bcrypt")));
  EXPECT_THAT(fault_of_hash(""), Optional(HasSubstr("no hash behind the colon")));
  EXPECT_FALSE(verify("secret", "secret"));
  EXPECT_FALSE(verify("secret", "W6we.3i74D0fQ"));
  EXPECT_FALSE(verify("secret", "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="));
}

TEST(PasswordHash, CostsAreBounded) {
  const std::string bcrypt = "$abcdefghijklmnopqrstuubyCG3zY1GIXMyxfivm.ClDiInHzxjiq";
  EXPECT_EQ(fault_of_hash("$2y$17" + bcrypt), std::nullopt);
  for (const auto* cost : {"18", "31", "03", "00", "1a"})
    EXPECT_THAT(fault_of_hash("$2y$" + (cost + bcrypt)), Optional(HasSubstr("4 to 17"))) << cost;
  const std::string sha = "$saltsalt$R6e4P8ccT9iMqkYg7Z8YtpId/lfsIfnuPkp8WXposU8";
  EXPECT_EQ(fault_of_hash("$5$rounds=1000000" + sha), std::nullopt);
  for (const auto* rounds : {"1000001", "999999999", "999", "", "-1", "99999999999999999999"})
    EXPECT_THAT(fault_of_hash("$5$rounds=" + (rounds + sha)), Optional(HasSubstr("rounds outside")))
        << rounds;
}

TEST(PasswordHash, MemoryOfYescryptIsBounded) {
  const auto with = [](const std::string& parameters) {
    return "$y$" + parameters + "$abcdefghijklmnop$0Hi8KsZH/hAMRN9Bam6ce3nmi5QAIz3R/KeaXG/c7p9";
  };
  EXPECT_EQ(fault_of_hash(with("jBT")), std::nullopt);  // cost 7: 64 MiB
  for (const auto* parameters :
       {"jCT", "jFT", "jBU", "jzT", "jBz", "jKT", "j9T..", "k9T", "j9", ""})
    EXPECT_THAT(fault_of_hash(with(parameters)), Optional(HasSubstr("other parameters")))
        << parameters;
}

TEST(PasswordHash, IncompleteHashesAreRefused) {
  for (const auto& hash : hashes_of_correct_horse)
    for (std::size_t size = 4; size < hash.size(); ++size)
      ASSERT_NE(fault_of_hash(std::string_view(hash).substr(0, size)), std::nullopt) << hash;
  for (const auto& hash : hashes_of_correct_horse) {
    EXPECT_NE(fault_of_hash(hash + "a"), std::nullopt) << hash;
    EXPECT_NE(fault_of_hash(hash + ":"), std::nullopt) << hash;
    auto other = hash;
    other.back() = '*';
    EXPECT_NE(fault_of_hash(other), std::nullopt) << hash;
  }
  EXPECT_NE(fault_of_hash("$5$salt!alt$myjXcpMpE2Ofk7fj9hqyNYSn6lmWG4Mqnjx.KIRRr4/"), std::nullopt);
  EXPECT_NE(fault_of_hash("$5$0123456789abcdefg$myjXcpMpE2Ofk7fj9hqyNYSn6lmWG4Mqnjx.KIRRr4/"),
            std::nullopt);
}

}  // namespace
}  // namespace entrepot::access
