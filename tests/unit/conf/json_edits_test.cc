// SPDX-License-Identifier: Apache-2.0
#include "conf/json/json_edits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace entrepot::conf {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::vector<ListEntry> one = {{"list", "new"}};

std::string added(std::string_view text, const std::vector<ListEntry>& entries = one) {
  Problems problems;
  const auto result = add_to_lists(text, entries, problems);
  EXPECT_THAT(problems.errors, IsEmpty()) << text;
  return result.value_or("refused");
}

std::vector<std::string> refused(std::string_view text) {
  Problems problems;
  EXPECT_EQ(add_to_lists(text, one, problems), std::nullopt) << text;
  return problems.errors;
}

TEST(JsonLists, CreatesMissingLists) {
  const auto* whole = "{\n  \"list\": [\n    \"new\"\n  ]\n}\n";
  for (const auto* nothing : {"", " \r\n\t", "{}", "{ }\n", "{\"list\": []}", "{\"list\": null}"})
    EXPECT_EQ(added(nothing), whole) << nothing;
}

TEST(JsonLists, KeepsOtherKeysInOrder) {
  EXPECT_EQ(added(R"({
    "zebra": { "b": [1, -2, 1.5, true], "a": null },
    "list": ["old", "older"],
    "apple": "ä \" \\ €"
})"),
            R"({
    "zebra": {
        "b": [
            1,
            -2,
            1.5,
            true
        ],
        "a": null
    },
    "list": [
        "new",
        "old",
        "older"
    ],
    "apple": "ä \" \\ €"
}
)");
}

TEST(JsonLists, KeepsTheIndentation) {
  EXPECT_THAT(added("{\n\t\"a\": 1\n}"), HasSubstr("\n\t\"list\": [\n\t\t\"new\"\n\t]\n"));
  EXPECT_THAT(added("{\n   \"a\": 1\n}"), HasSubstr("\n   \"list\": [\n      \"new\"\n   ]\n"));
  EXPECT_THAT(added("{\n\"a\": 1\n}"), HasSubstr("\n  \"list\""));
}

TEST(JsonLists, AddsNoDuplicates) {
  for (const auto* text : {"{\"list\":[\"other\",\"new\"]}", "{ \"list\": [\"new/\"] }\n\n"})
    EXPECT_EQ(added(text), text);  // byte for byte
}

TEST(JsonLists, AddsToSeveralLists) {
  EXPECT_EQ(added("{\"a\":[\"x\"]}", {{"a", "x"}, {"b", "y"}}),
            "{\n  \"a\": [\n    \"x\"\n  ],\n  \"b\": [\n    \"y\"\n  ]\n}\n");
}

TEST(JsonLists, RejectsInvalidJson) {
  EXPECT_THAT(refused("{\n  // of ours\n  \"a\": 1\n}"),
              ElementsAre(HasSubstr("line 2, column 3: not JSON")));
  EXPECT_THAT(refused("{ \"a\": 1, }"), ElementsAre(HasSubstr("line 1, column 11")));
  for (const auto* text : {"{", "{ \"a\": ", "nonsense", "{} {}", "{ \"a\": \"\xff\" }",
                           "{ \"a\": 1e999 }", "\xEF\xBB"})
    EXPECT_EQ(refused(text).size(), 1U) << text;
}

TEST(JsonLists, RejectsOtherValuesThanObjects) {
  for (const auto* text : {"[]", "1", "\"list\"", "null"})
    EXPECT_THAT(refused(text), ElementsAre(HasSubstr("not a JSON object"))) << text;
}

TEST(JsonLists, RejectsOtherValuesThanListsOfTexts) {
  for (const auto* text : {"{\"list\":\"old\"}", "{\"list\":{}}", "{\"list\":[\"a\",1]}"})
    EXPECT_THAT(refused(text), ElementsAre("list: expected a list of texts")) << text;
}

TEST(JsonLists, RejectsDuplicateKeys) {
  EXPECT_THAT(refused(R"({"a":{"b":1,"b":2}})"), ElementsAre("a.b: given twice; keep one of them"));
}

TEST(JsonLists, RejectsDeepNesting) {
  const std::size_t many = 1 << 20;
  EXPECT_THAT(refused("{\"a\":" + std::string(many, '[') + std::string(many, ']') + "}"),
              ElementsAre("nested too deeply"));
}

std::string removed(std::string_view text) {
  Problems problems;
  const auto result = remove_from_lists(text, {{"list", "new"}, {"other", "x"}}, problems);
  EXPECT_THAT(problems.errors, IsEmpty()) << text;
  return result.value_or("refused");
}

TEST(JsonLists, Remove) {
  EXPECT_EQ(removed(R"({ "a": 1, "list": ["old", "new/"] })"),
            "{\n  \"a\": 1,\n  \"list\": [\n    \"old\"\n  ]\n}\n");
  EXPECT_EQ(removed(R"({ "list": ["new"], "other": ["x"] })"), "{}\n");
  for (const auto* without :
       {"", "{}", R"({ "list": ["old"], "other": null })", R"({ "list": [] })"})
    EXPECT_EQ(removed(without), without);
  for (const auto* wrong : {"[]", R"({ "list": "new" })", R"({ "list": [1] })", "{"}) {
    Problems problems;
    EXPECT_EQ(remove_from_lists(wrong, one, problems), std::nullopt) << wrong;
    EXPECT_THAT(problems.errors, testing::SizeIs(1)) << wrong;
  }
}

TEST(JsonLists, RemoveTakesBackWhatAddAdded) {
  const auto* text = "{\n    \"zebra\": 1,\n    \"apple\": []\n}\n";
  EXPECT_EQ(removed(added(text)), text);
}

const Member login = {"auths", "mirror:5000"};

TEST(JsonMembers, SetAndRemove) {
  Problems problems;
  const auto* others =
      "{\n  \"auths\": {\n    \"quay.io\": {\n      \"auth\": \"eA==\"\n    }\n  }\n}\n";
  const auto set = set_member(others, login, R"({"auth":"eQ=="})", problems).value();
  EXPECT_EQ(member_value(set, login, problems), R"({"auth":"eQ=="})");
  EXPECT_EQ(member_value(set, {"auths", "quay.io"}, problems), R"({"auth":"eA=="})");
  EXPECT_EQ(set_member(set, login, R"({ "auth": "eQ==" })", problems), set);
  EXPECT_EQ(remove_member(set, login, problems), others);
  EXPECT_EQ(remove_member(others, login, problems), others);
  const auto fresh = set_member("", login, "{}", problems).value();
  EXPECT_EQ(fresh, "{\n  \"auths\": {\n    \"mirror:5000\": {}\n  }\n}\n");
  EXPECT_EQ(remove_member(fresh, login, problems), "{}\n");
  EXPECT_EQ(member_value("{}", login, problems), "");
  EXPECT_THAT(problems.errors, IsEmpty());
}

TEST(JsonMembers, AnotherKindOfValueIsRefused) {
  for (const auto* wrong : {"[]", R"({ "auths": [] })", R"({ "auths": 1 })", "{"}) {
    Problems problems;
    EXPECT_EQ(set_member(wrong, login, "{}", problems), std::nullopt) << wrong;
    EXPECT_EQ(remove_member(wrong, login, problems), std::nullopt) << wrong;
    EXPECT_EQ(member_value(wrong, login, problems), std::nullopt) << wrong;
    EXPECT_THAT(problems.errors, testing::SizeIs(3)) << wrong;
  }
}

TEST(JsonEdits, EmptyObject) {
  EXPECT_TRUE(is_empty_object("{ }\n"));
  EXPECT_TRUE(is_empty_object("\n"));
  for (const auto* text : {"[]", "{", R"({ "a": null })"}) EXPECT_FALSE(is_empty_object(text));
}

}  // namespace
}  // namespace entrepot::conf
