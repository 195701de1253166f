// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/rights.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace entrepot::admin {
namespace {

using http::Method;

TEST(RightForTest, ThePathDecidesOnlyAboutProbesAndMetrics) {
  for (const auto method : {Method::get, Method::head, Method::post, Method::put, Method::del}) {
    EXPECT_EQ(right_for(method, "/healthz"), Right::probes);
    EXPECT_EQ(right_for(method, "/readyz"), Right::probes);
    EXPECT_EQ(right_for(method, "/metrics"), Right::metrics);
  }
  for (const auto* path : {"/", "/healthz/", "/Metrics", "/metrics/x", "/api/v1/cache",
                           "/api/v1/absent", "/api/v1/cache/objects/x"}) {
    EXPECT_EQ(right_for(Method::get, path), Right::read) << path;
    EXPECT_EQ(right_for(Method::head, path), Right::read) << path;
    for (const auto method : {Method::post, Method::put, Method::patch, Method::del})
      EXPECT_EQ(right_for(method, path), Right::change) << path;
  }
}

/// The lists of terms, as configured; null: none is configured.
struct Lists {
  const char *probes, *metrics, *read, *change;
};

std::optional<Rights::Holders> holders(const char* terms) {
  if (terms == nullptr) return std::nullopt;
  Rights::Holders list;
  std::string rest = terms;
  while (!rest.empty()) {
    const auto space = rest.find(' ');
    list.push_back(std::get<access::Who>(access::Who::parse(rest.substr(0, space), {})));
    rest = space == rest.npos ? "" : rest.substr(space + 1);
  }
  return list;
}

Rights rights(const Lists& lists, bool named_only) {
  return {
      {holders(lists.probes), holders(lists.metrics), holders(lists.read), holders(lists.change)},
      named_only};
}

/// The first letters of the rights that the caller has: "pmrc".
std::string had(const Rights& rights, const access::Caller& caller) {
  std::string letters;
  for (const auto right : {Right::probes, Right::metrics, Right::read, Right::change})
    if (!rights.lacking(right, caller)) letters += metrics::to_string(right)[0];
  return letters;
}

/// The same of rights that everybody has.
std::string open(const Rights& rights) {
  std::string letters;
  for (const auto right : {Right::probes, Right::metrics, Right::read, Right::change})
    if (rights.open(right)) letters += metrics::to_string(right)[0];
  return letters;
}

struct Row {
  Lists lists;
  bool named_only;
  std::string open, stranger, alice, ops, node, root;
};

TEST(RightsTest, TheTable) {
  const std::vector<std::string> names = {"CN=node-1"};
  access::Caller stranger;
  stranger.address = *IpAddress::parse("10.0.0.7");
  access::Caller alice = stranger, ops = stranger, node = stranger, root;
  alice.user = "alice";
  ops.user = "ops";
  node.certificate = names;
  root.uid = 0;
  const Row rows[] = {
      // Nothing is configured: with and without logins or certificates.
      {{nullptr, nullptr, nullptr, nullptr}, false, "pmrc", "pmrc", "pmrc", "pmrc", "pmrc", "pmrc"},
      {{nullptr, nullptr, nullptr, nullptr}, true, "pm", "pm", "pmrc", "pmrc", "pmrc", "pmrc"},
      // One right.
      {{nullptr, nullptr, nullptr, "user:ops"}, false, "pmr", "pmr", "pmr", "pmrc", "pmr", "pmr"},
      {{nullptr, nullptr, nullptr, "user:ops"}, true, "pm", "pm", "pmr", "pmrc", "pmr", "pmr"},
      {{nullptr, nullptr, nullptr, ""}, true, "pm", "pm", "pmr", "pmr", "pmr", "pmr"},
      {{nullptr, "user:alice", nullptr, nullptr}, true, "p", "p", "pmrc", "prc", "prc", "prc"},
      {{"net:10.0.0.0/8", nullptr, nullptr, nullptr},
       true,
       "m",
       "pm",
       "pmrc",
       "pmrc",
       "pmrc",
       "mrc"},
      // A change needs `read` as well, and `read` for everybody gives no change to anybody.
      {{nullptr, nullptr, "user:alice", nullptr}, true, "pm", "pm", "pmrc", "pm", "pm", "pm"},
      {{nullptr, nullptr, "user:alice", "user:ops"}, true, "pm", "pm", "pmr", "pm", "pm", "pm"},
      {{nullptr, nullptr, "anyone", nullptr}, true, "pmr", "pmr", "pmrc", "pmrc", "pmrc", "pmrc"},
      {{nullptr, nullptr, "login", "anyone"}, true, "pm", "pm", "pmrc", "pmrc", "pm", "pm"},
      {{nullptr, nullptr, "anyone", "anyone"},
       true,
       "pmrc",
       "pmrc",
       "pmrc",
       "pmrc",
       "pmrc",
       "pmrc"},
      // All ways to prove a name.
      {{"", "cert:CN=node-*", "cert:* uid:0", "uid:0"}, true, "", "", "", "", "mr", "rc"},
      {{"anyone", "login", "user:o*", "user:ops"}, true, "p", "p", "pm", "pmrc", "p", "p"},
  };
  int number = 0;
  for (const Row& row : rows) {
    SCOPED_TRACE(++number);
    const auto made = rights(row.lists, row.named_only);
    EXPECT_EQ(open(made), row.open);
    EXPECT_EQ(had(made, stranger), row.stranger);
    EXPECT_EQ(had(made, alice), row.alice);
    EXPECT_EQ(had(made, ops), row.ops);
    EXPECT_EQ(had(made, node), row.node);
    EXPECT_EQ(had(made, root), row.root);
  }
}

TEST(RightsTest, NamesTheRightThatIsLacking) {
  access::Caller ops;
  ops.user = "ops";
  EXPECT_EQ(rights({nullptr, nullptr, "user:alice", "user:ops"}, true).lacking(Right::change, ops),
            Right::read);
  EXPECT_EQ(rights({nullptr, nullptr, "login", "user:alice"}, true).lacking(Right::change, ops),
            Right::change);
}

}  // namespace
}  // namespace entrepot::admin
