// SPDX-License-Identifier: Apache-2.0
#include "conf/json/json_lists.h"

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

}  // namespace
}  // namespace entrepot::conf
