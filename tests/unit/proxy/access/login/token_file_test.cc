// SPDX-License-Identifier: Apache-2.0
#include "proxy/access/login/token_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "proxy/access/login/utc_time.h"

namespace entrepot::access {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;

// `printf secret | sha256sum`
const std::string sha_of_secret =
    "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
const auto ten_o_clock = *parse_utc_time("2026-11-30T10:00:00Z");

TokenFile token_file(std::string_view text) { return std::get<TokenFile>(TokenFile::parse(text)); }
std::vector<Problem> problems_of_tokens(std::string_view text) {
  const auto parsed = TokenFile::parse(text);
  const auto* problems = std::get_if<std::vector<Problem>>(&parsed);
  return problems == nullptr ? std::vector<Problem>() : *problems;
}
auto token_at(const std::string& where, const std::string& what) {
  return AllOf(Field(&Problem::where, where), Field(&Problem::what, HasSubstr(what)));
}

std::string one_token() {
  return R"({"tokens": [{"name": "ci", "sha256": ")" + sha_of_secret +
         R"(", "created": "2026-11-30T10:00:00Z", "expires": "2026-12-01T10:00:00Z"}]})";
}

TEST(Sha256, KnownAnswers) {
  EXPECT_EQ(hex(sha256_of("secret")), sha_of_secret);
  EXPECT_EQ(hex(sha256_of("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(parse_sha256(sha_of_secret), sha256_of("secret"));
  EXPECT_EQ(parse_sha256("2BB8" + sha_of_secret.substr(4)), sha256_of("secret"));
  EXPECT_EQ(parse_sha256(sha_of_secret.substr(1)), std::nullopt);
  EXPECT_EQ(parse_sha256("g" + sha_of_secret.substr(1)), std::nullopt);
}

TEST(TokenFile, FindsATokenByItsText) {
  const auto tokens = token_file(one_token());
  const auto found = tokens.find("secret", ten_o_clock);
  EXPECT_EQ(found.state, TokenState::valid);
  ASSERT_NE(found.token, nullptr);
  EXPECT_EQ(found.token->name, "ci");
  EXPECT_EQ(found.token->created, ten_o_clock);
  EXPECT_EQ(tokens.find("Secret", ten_o_clock).state, TokenState::unknown);
  EXPECT_EQ(tokens.find("Secret", ten_o_clock).token, nullptr);
  EXPECT_EQ(tokens.find("", ten_o_clock).state, TokenState::unknown);
}

TEST(TokenFile, ATokenExpires) {
  const auto tokens = token_file(one_token());
  EXPECT_EQ(tokens.find("secret", ten_o_clock + 24h - 1s).state, TokenState::valid);
  const auto late = tokens.find("secret", ten_o_clock + 24h);
  EXPECT_EQ(late.state, TokenState::expired);
  ASSERT_NE(late.token, nullptr);
  EXPECT_EQ(late.token->name, "ci");
}

TEST(TokenFile, AsAPasswordATokenNeedsItsName) {
  const auto tokens = token_file(one_token());
  EXPECT_EQ(tokens.find("ci", "secret", ten_o_clock).state, TokenState::valid);
  EXPECT_EQ(tokens.find("ci", "secret", ten_o_clock + 24h).state, TokenState::expired);
  EXPECT_EQ(tokens.find("zoe", "secret", ten_o_clock).state, TokenState::unknown);
  EXPECT_EQ(tokens.find("", "secret", ten_o_clock).token, nullptr);
}

TEST(TokenFile, AddRemoveAndText) {
  TokenFile tokens;
  EXPECT_EQ(tokens.text(), "{\n  \"tokens\": []\n}\n");
  EXPECT_TRUE(tokens.add({"zoe", sha256_of("z"), ten_o_clock, std::nullopt}));
  EXPECT_TRUE(tokens.add({"ci", sha256_of("secret"), ten_o_clock, ten_o_clock + 24h}));
  EXPECT_FALSE(tokens.add({"ci", sha256_of("other"), ten_o_clock, std::nullopt}));
  EXPECT_FALSE(tokens.add({"other", sha256_of("secret"), ten_o_clock, std::nullopt}));
  EXPECT_TRUE(tokens.has("ci"));
  EXPECT_EQ(tokens.text(),
            "{\n  \"tokens\": [\n"
            R"(    {"created":"2026-11-30T10:00:00Z","expires":"2026-12-01T10:00:00Z",)"
            R"("name":"ci","sha256":")" +
                sha_of_secret +
                "\"},\n"
                R"(    {"created":"2026-11-30T10:00:00Z","name":"zoe","sha256":")" +
                hex(sha256_of("z")) + "\"}\n  ]\n}\n");
  EXPECT_EQ(token_file(tokens.text()).tokens(), tokens.tokens());
  EXPECT_TRUE(tokens.remove("ci"));
  EXPECT_FALSE(tokens.remove("ci"));
  EXPECT_EQ(tokens.find("secret", ten_o_clock).state, TokenState::unknown);
  EXPECT_EQ(tokens.find("z", ten_o_clock).state, TokenState::valid);
  EXPECT_TRUE(tokens.add({"ci", sha256_of("secret"), ten_o_clock, std::nullopt}));
  EXPECT_EQ(tokens.find("secret", ten_o_clock + 99999h).state, TokenState::valid);
}

TEST(TokenFile, ProblemsHaveThePlaceOfTheirToken) {
  const std::string rest = R"(, "sha256": ")" + sha_of_secret + R"(", "created": ")";
  const std::string other = R"(, "sha256": ")" + hex(sha256_of("z")) + R"(", "created": ")";
  const std::string text = R"({"tokens": [
    {"name": "ci")" + rest +
                           R"(2026-11-30T10:00:00Z"},
    {"name": "ci")" + other +
                           R"(2026-11-30T10:00:00Z"},
    {"name": "zoe")" + rest +
                           R"(2026-11-30T10:00:00Z"},
    {"name": "a:b")" + other +
                           R"(2026-11-30T10:00:00Z"},
    {"name": "c")" + other +
                           R"(yesterday", "expires": 7, "expiry": ""},
    {"name": "d", "sha256": "abc", "created": "2026-11-30T10:00:00Z"},
    7, {}
  ], "version": 1})";
  EXPECT_THAT(
      problems_of_tokens(text),
      ElementsAre(token_at("", "unknown key \"version\""),
                  token_at("tokens[1] (\"ci\")", "a second token of this name"),
                  token_at("tokens[2] (\"zoe\")", "same \"sha256\""),
                  token_at("tokens[3]", "\"name\": the name has a colon"),
                  token_at("tokens[4] (\"c\")", "unknown key \"expiry\""),
                  token_at("tokens[4] (\"c\")", "\"created\" is no time"),
                  token_at("tokens[4] (\"c\")", "\"expires\" is no time"),
                  token_at("tokens[5] (\"d\")", "entrepot token create"),
                  token_at("tokens[6]", "is no object"), token_at("tokens[7]", "the name is empty"),
                  token_at("tokens[7]", "\"sha256\""), token_at("tokens[7]", "\"created\"")));
}

TEST(TokenFile, OtherDocuments) {
  for (const auto* text : {"[]", "{}", "7", "null", R"({"tokens": {}})"})
    EXPECT_THAT(problems_of_tokens(text), ElementsAre(token_at("", "no list \"tokens\""))) << text;
  EXPECT_THAT(problems_of_tokens(""), ElementsAre(token_at("line 1", "not JSON")));
  EXPECT_THAT(problems_of_tokens("{\n\"tokens\": [\n,]}"),
              ElementsAre(token_at("line 3", "not JSON")));
  EXPECT_THAT(problems_of_tokens("{\"tokens\": [\"\xff\"]}"),
              ElementsAre(token_at("line 1", "not JSON")));
  EXPECT_THAT(problems_of_tokens(std::string(1 << 17, '[')),
              ElementsAre(token_at("line 1", "not JSON")));
  EXPECT_THAT(problems_of_tokens(std::string(TokenFile::max_size + 1, ' ')),
              ElementsAre(token_at("", "larger than 4 MiB")));
}

TEST(Token, RandomTexts) {
  std::set<std::string> texts;
  for (int i = 0; i < 100; ++i) {
    const auto text = random_token_text();
    EXPECT_EQ(text.size(), 52U);
    EXPECT_TRUE(text.starts_with("entrepot_"));
    EXPECT_EQ(text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                     "0123456789-_"),
              std::string::npos);
    texts.insert(text);
  }
  EXPECT_EQ(texts.size(), 100U);
}

}  // namespace
}  // namespace entrepot::access
