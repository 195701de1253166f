// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "proxy/access/caller.h"
#include "proxy/access/glob.h"
#include "proxy/access/problem.h"
#include "proxy/access/who.h"

namespace entrepot::access {

/// One rule of `access`, as written.
struct RuleText {
  std::vector<std::string> who;           ///< terms of Who; one has to match
  std::vector<std::string> repositories;  ///< globs of "upstream/repository"; one has to match
  bool allow = false;
};

/// The rules of a configuration, as written.
struct RulesText {
  std::vector<RuleText> access;  ///< the first that matches decides
  /// Group → its users and tokens, by name.
  std::map<std::string, std::vector<std::string>> groups;
  bool groups_in_claims = false;  ///< JWTs of some listener name groups (Groups::in_claims)
  /// Upstream → globs of its repositories, without the name of the upstream, that nobody may pull.
  std::map<std::string, std::vector<std::string>> deny;
  /// The names of all upstreams; a pattern for another upstream is a problem. Empty: not checked.
  std::vector<std::string> upstreams;
};

/// A rule of a RuleTable.
struct Rule {
  std::vector<Who> who;
  std::vector<Glob> repositories;
  bool allow = false;

  /// The term that matches the caller, nullptr if none does.
  const Who* who_of(const Caller& caller) const;
  /// The pattern that matches "upstream/repository", nullptr if none does.
  const Glob* pattern_of(std::string_view subject) const;
};

/// Rules that were checked and prepared for decisions. Immutable; any thread.
struct RuleTable {
  std::vector<Rule> rules;
  std::map<std::string, std::vector<Glob>, std::less<>> denied;  ///< by upstream

  bool empty() const { return rules.empty() && denied.empty(); }
};

/// The groups of the text, for terms outside of its rules. Their problems are those of
/// rule_table().
Groups groups_of(const RulesText& text);

/// Otherwise every problem, with the path of its key: `access[2].who[0]`, `groups.build[1]`,
/// `policy.docker.io.deny[0]`.
std::variant<RuleTable, std::vector<Problem>> rule_table(const RulesText& text);

}  // namespace entrepot::access
