// SPDX-License-Identifier: Apache-2.0
#include "proxy/access/rule_table.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "metrics/printable.h"
#include "proxy/access/user_name.h"

namespace entrepot::access {
namespace {

std::string at(const std::string& list, std::size_t index) {
  return list + "[" + std::to_string(index) + "]";
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const auto& name : names) text.append(text.empty() ? "" : ", ").append(name);
  return text;
}

Groups read_groups(const RulesText& text, Problems& problems) {
  Groups groups{.configured = {}, .in_claims = text.groups_in_claims};
  for (const auto& [group, names] : text.groups) {
    auto members = names;
    for (std::size_t i = 0; i < names.size(); ++i) {
      const std::string where = at("groups." + printable(group), i);
      if (const auto fault = fault_of_login_name(names[i]))
        problems.add(where, *fault + "; write the name of a user or of a token");
      else if (names[i].find('*') != std::string::npos)
        problems.add(where, "a group has names, no patterns; write user:" + printable(names[i]) +
                                " as \"who\" of the rule");
    }
    std::sort(members.begin(), members.end());
    groups.configured.emplace(group,
                              std::make_shared<const std::vector<std::string>>(std::move(members)));
  }
  return groups;
}

/// The fault of a pattern of "upstream/repository".
std::optional<std::string> fault_of_repositories(std::string_view pattern,
                                                 const std::vector<std::string>& upstreams) {
  if (auto fault = Glob::fault(pattern)) return fault;
  const std::size_t slash = pattern.find('/');
  const std::string_view upstream = pattern.substr(0, slash);
  if (upstream.find_first_of(Glob::special) != upstream.npos) return std::nullopt;
  const std::string name = printable(upstream);
  const bool known = upstreams.empty() ||
                     std::find(upstreams.begin(), upstreams.end(), upstream) != upstreams.end();
  if (!known)
    return "no upstream \"" + name + "\" (" + joined(upstreams) +
           "); a pattern begins with the upstream, such as " + upstreams.front() + "/library/*";
  if (slash == pattern.npos || slash + 1 == pattern.size())
    return "names no repository; write " + name + "/* for all of this upstream";
  return std::nullopt;
}

Rule read_rule(const RuleText& text, const std::string& path, const Groups& groups,
               const std::vector<std::string>& upstreams, Problems& problems) {
  Rule rule;
  rule.allow = text.allow;
  if (text.who.empty())
    problems.add(path + ".who", "is empty, so the rule holds for nobody; write [\"anyone\"]");
  for (std::size_t i = 0; i < text.who.size(); ++i) {
    auto term = Who::parse(text.who[i], groups);
    if (auto* fault = std::get_if<Fault>(&term))
      problems.add(at(path + ".who", i), std::move(fault->text));
    else
      rule.who.push_back(std::get<Who>(std::move(term)));
  }
  if (text.repositories.empty())
    problems.add(path + ".repositories",
                 "is empty, so the rule holds for no repository; write [\"*\"]");
  for (std::size_t i = 0; i < text.repositories.size(); ++i) {
    if (auto fault = fault_of_repositories(text.repositories[i], upstreams))
      problems.add(at(path + ".repositories", i), std::move(*fault));
    else
      rule.repositories.emplace_back(text.repositories[i]);
  }
  return rule;
}

std::vector<Glob> read_denied(const std::string& upstream, const std::vector<std::string>& patterns,
                              Problems& problems) {
  const std::string path = "policy." + printable(upstream) + ".deny";
  std::vector<Glob> globs;
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    const std::string_view pattern = patterns[i];
    const std::string prefix = upstream + "/";
    if (auto fault = Glob::fault(pattern))
      problems.add(at(path, i), std::move(*fault));
    else if (pattern.starts_with(prefix))
      problems.add(at(path, i), "this list is about the repositories of " + printable(upstream) +
                                    " already; write " + printable(pattern.substr(prefix.size())));
    else
      globs.emplace_back(pattern);
  }
  return globs;
}

}  // namespace

const Who* Rule::who_of(const Caller& caller) const {
  for (const Who& term : who)
    if (term.matches(caller)) return &term;
  return nullptr;
}

const Glob* Rule::pattern_of(std::string_view subject) const {
  for (const Glob& glob : repositories)
    if (glob.matches(subject)) return &glob;
  return nullptr;
}

Groups groups_of(const RulesText& text) {
  Problems reported_elsewhere;
  return read_groups(text, reported_elsewhere);
}

std::variant<RuleTable, std::vector<Problem>> rule_table(const RulesText& text) {
  Problems problems;
  RuleTable table;
  const Groups groups = read_groups(text, problems);
  for (std::size_t i = 0; i < text.access.size(); ++i)
    table.rules.push_back(
        read_rule(text.access[i], at("access", i), groups, text.upstreams, problems));
  for (const auto& [upstream, patterns] : text.deny) {
    const auto& known = text.upstreams;
    if (!known.empty() && std::find(known.begin(), known.end(), upstream) == known.end())
      problems.add("policy." + printable(upstream),
                   "no upstream of this name; the upstreams are " + joined(known));
    auto globs = read_denied(upstream, patterns, problems);
    if (!globs.empty()) table.denied.emplace(upstream, std::move(globs));
  }
  if (problems.any()) return problems.take();
  return table;
}

}  // namespace entrepot::access
