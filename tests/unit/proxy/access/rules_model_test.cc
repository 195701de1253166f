// SPDX-License-Identifier: Apache-2.0
// Compares decisions with those of a slow model that works on the text of the rules, for random
// rules, callers and repositories.
#include <gtest/gtest.h>

#include <array>
#include <random>

#include "proxy/access/rules.h"

namespace entrepot::access {
namespace {

// --- The model. ----------------------------------------------------------------------------------

/// Patterns of the model have `*` and `?` only.
bool model_glob(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern[0] == '*')
    return model_glob(pattern.substr(1), text) ||
           (!text.empty() && model_glob(pattern, text.substr(1)));
  return !text.empty() && (pattern[0] == '?' || pattern[0] == text[0]) &&
         model_glob(pattern.substr(1), text.substr(1));
}

struct ModelCaller {
  std::string user;
  std::vector<std::string> certificate;
  std::optional<uid_t> uid;
  std::array<unsigned, 4> address{};  // IPv4
  bool known = false;
};

bool model_network(std::string_view network, const ModelCaller& caller) {
  if (!caller.known) return false;
  if (network == "10.0.0.0/8") return caller.address[0] == 10;
  if (network == "10.2.0.0/15")
    return caller.address[0] == 10 && (caller.address[1] == 2 || caller.address[1] == 3);
  if (network == "10.2.0.7") return caller.address == std::array<unsigned, 4>{10, 2, 0, 7};
  if (network == "0.0.0.0/0") return true;
  return false;  // an IPv6 network
}

bool model_who(const std::string& term, const ModelCaller& caller, const RulesText& text) {
  const auto value = [&](std::size_t prefix) { return std::string_view(term).substr(prefix); };
  if (term == "anyone") return true;
  if (term == "anonymous") return caller.user.empty() && caller.certificate.empty() && !caller.uid;
  if (term == "login") return !caller.user.empty();
  if (term.starts_with("user:")) return !caller.user.empty() && model_glob(value(5), caller.user);
  if (term.starts_with("net:")) return model_network(value(4), caller);
  if (term.starts_with("uid:")) return caller.uid && std::to_string(*caller.uid) == value(4);
  if (term == "cert:*") return !caller.certificate.empty();
  if (term.starts_with("cert:")) {
    for (const auto& name : caller.certificate)
      if (model_glob(value(5), name)) return true;
    return false;
  }
  for (const auto& member : text.groups.at(std::string(value(6))))
    if (!caller.user.empty() && member == caller.user) return true;
  return false;
}

Decision model_decision(const RulesText& text, const ModelCaller& caller,
                        const std::string& upstream, const std::string& repository) {
  if (const auto list = text.deny.find(upstream); list != text.deny.end())
    for (std::size_t i = 0; i < list->second.size(); ++i)
      if (model_glob(list->second[i], repository)) return {false, DecisionReason::deny_list, i};
  if (text.access.empty()) return {true, DecisionReason::no_rules, 0};
  for (std::size_t i = 0; i < text.access.size(); ++i) {
    bool who = false;
    for (const auto& term : text.access[i].who) who = who || model_who(term, caller, text);
    bool matches = false;
    for (const auto& pattern : text.access[i].repositories)
      matches = matches || model_glob(pattern, upstream + "/" + repository);
    if (who && matches) return {text.access[i].allow, DecisionReason::rule, i};
  }
  return {false, DecisionReason::no_rule, 0};
}

// --- Random cases. -------------------------------------------------------------------------------

using Words = std::vector<std::string>;

const Words users = {"", "ci", "ci-2", "nightly", "zoe"};
const Words certificates = {"CN=node-1", "CN=node-12", "DNS=node-1.example", "URI=spiffe://a/b"};
const Words terms = {"anyone",
                     "anonymous",
                     "login",
                     "user:ci",
                     "user:ci*",
                     "user:*i*",
                     "user:z?e",
                     "group:build",
                     "group:empty",
                     "cert:*",
                     "cert:CN=node-?",
                     "cert:CN=node-*",
                     "cert:DNS=*.example",
                     "cert:URI=spiffe://*",
                     "net:10.0.0.0/8",
                     "net:10.2.0.0/15",
                     "net:10.2.0.7",
                     "net:0.0.0.0/0",
                     "net:::/0",
                     "uid:0",
                     "uid:1000"};
const Words upstreams = {"docker.io", "ghcr.io"};
const Words repositories = {
    "library/alpine", "library/alpine-git", "acme/app", "acme/deep/app", "app", "acme/miner"};
const Words patterns = {"*",
                        "docker.io/*",
                        "docker.io/library/*",
                        "docker.io/library/alpine",
                        "*/app",
                        "ghcr.io/acme/*",
                        "ghcr.io/acme/app",
                        "*/acme/*",
                        "*alpine*",
                        "docker.io/?cme/*",
                        "*.io/app",
                        "ghcr.io*"};
const Words denied = {"*/miner*", "app", "acme/*", "library/alpine", "*"};

class Random {
 public:
  std::size_t below(std::size_t bound) { return engine_() % bound; }
  bool one_in(std::size_t number) { return below(number) == 0; }
  const std::string& one_of(const Words& words) { return words[below(words.size())]; }
  Words some_of(const Words& words, std::size_t most) {
    Words some(below(most) + 1);
    for (auto& word : some) word = one_of(words);
    return some;
  }

 private:
  std::mt19937 engine_{1};
};

RulesText random_rules(Random& random) {
  RulesText text;
  text.groups = {{"build", {"nightly", "ci"}}, {"empty", {}}};
  text.access.resize(random.below(7));
  for (auto& rule : text.access)
    rule = {random.some_of(terms, 3), random.some_of(patterns, 3), !random.one_in(3)};
  for (const auto& upstream : upstreams)
    if (random.one_in(4)) text.deny[upstream] = random.some_of(denied, 2);
  text.upstreams = upstreams;
  return text;
}

ModelCaller random_caller(Random& random) {
  ModelCaller caller;
  caller.user = random.one_of(users);
  if (random.one_in(2)) caller.certificate = random.some_of(certificates, 3);
  if (random.one_in(4)) caller.uid = random.one_in(2) ? 0 : 1000;
  caller.known = !random.one_in(4);
  caller.address = {random.one_in(3) ? 11U : 10U, static_cast<unsigned>(random.below(5)), 0,
                    static_cast<unsigned>(random.below(2) * 7)};
  return caller;
}

Caller real_caller(const ModelCaller& model) {
  Caller caller;
  caller.user = model.user;
  caller.certificate = model.certificate;
  caller.uid = model.uid;
  std::string address;
  for (const unsigned part : model.address)
    address += (address.empty() ? "" : ".") + std::to_string(part);
  if (model.known) caller.address = *IpAddress::parse(address);
  return caller;
}

TEST(RulesModel, DecisionsAreThoseOfTheModel) {
  Random random;
  std::map<std::pair<DecisionReason, bool>, int> seen;
  for (int i = 0; i < 2000; ++i) {
    const RulesText text = random_rules(random);
    auto parsed = Rules::parse(text);
    ASSERT_TRUE(std::holds_alternative<Rules>(parsed));
    const Rules rules = std::get<Rules>(std::move(parsed));
    for (int j = 0; j < 20; ++j) {
      const ModelCaller caller = random_caller(random);
      const auto& upstream = random.one_of(upstreams);
      const auto& repository = random.one_of(repositories);
      const Decision decision = rules.decide(real_caller(caller), upstream, repository);
      ASSERT_EQ(decision, model_decision(text, caller, upstream, repository))
          << testing::PrintToString(rules.explain(real_caller(caller), upstream, repository));
      ++seen[{decision.reason, decision.allowed}];
    }
  }
  // no_rules, deny_list, no_rule, and rule with both results.
  EXPECT_EQ(seen.size(), 5U);
  for (const auto& [kind, count] : seen) EXPECT_GT(count, 500);
}

}  // namespace
}  // namespace entrepot::access
