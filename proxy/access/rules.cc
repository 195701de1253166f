// SPDX-License-Identifier: Apache-2.0
#include "proxy/access/rules.h"

#include <algorithm>
#include <array>
#include <optional>

#include "metrics/printable.h"

namespace entrepot::access {
namespace {

/// "upstream/repository" on the stack.
class Subject {
 public:
  Subject(std::string_view upstream, std::string_view repository)
      : size_(upstream.size() + 1 + repository.size()) {
    if (!fits()) return;
    upstream.copy(bytes_.data(), upstream.size());
    bytes_[upstream.size()] = '/';
    repository.copy(bytes_.data() + upstream.size() + 1, repository.size());
  }
  bool fits() const { return size_ <= bytes_.size(); }
  /// REQUIRES: fits().
  std::string_view text() const { return {bytes_.data(), size_}; }

 private:
  std::array<char, Glob::longest_text> bytes_;  // the first size_ bytes have a value
  const std::size_t size_;
};

/// The index of the pattern in the deny list of the upstream that matches.
std::optional<std::size_t> denied_by(const RuleTable& table, std::string_view upstream,
                                     std::string_view repository) {
  const auto list = table.denied.find(upstream);
  if (list == table.denied.end()) return std::nullopt;
  const auto& globs = list->second;
  const auto found = std::find_if(globs.begin(), globs.end(),
                                  [&](const Glob& glob) { return glob.matches(repository); });
  if (found == globs.end()) return std::nullopt;
  return static_cast<std::size_t>(found - globs.begin());
}

std::string deny_list_path(std::string_view upstream) {
  return "policy." + printable(upstream) + ".deny";
}

/// Tells whether a rule matches, and what of it does not.
std::string line_of(const Rule& rule, std::size_t index, const Caller& caller,
                    std::string_view subject) {
  std::string line = "access[" + std::to_string(index) + "]: ";
  const Who* who = rule.who_of(caller);
  if (who == nullptr) {
    line += "no match, because no term of \"who\" is this client:";
    for (const Who& term : rule.who) line += " " + printable(term.text());
    return line;
  }
  const Glob* pattern = rule.pattern_of(subject);
  if (pattern == nullptr) {
    line += "no match: the client is " + printable(who->text()) +
            ", but no pattern of \"repositories\" is " + printable(subject) + ":";
    for (const Glob& glob : rule.repositories) line += " " + printable(glob.pattern());
    return line;
  }
  return line + "matches: " + printable(who->text()) + " and " + printable(pattern->pattern());
}

}  // namespace

std::variant<Rules, std::vector<Problem>> Rules::parse(const RulesText& text) {
  auto table = rule_table(text);
  if (auto* problems = std::get_if<std::vector<Problem>>(&table)) return std::move(*problems);
  return Rules(std::get<RuleTable>(std::move(table)));
}

Decision Rules::decide(const Caller& caller, std::string_view upstream,
                       std::string_view repository) const {
  if (table_.empty()) return {true, DecisionReason::no_rules, 0};
  const Subject subject(upstream, repository);
  if (!subject.fits()) return {false, DecisionReason::too_long, 0};
  if (const auto index = denied_by(table_, upstream, repository))
    return {false, DecisionReason::deny_list, *index};
  if (table_.rules.empty()) return {true, DecisionReason::no_rules, 0};
  for (std::size_t i = 0; i < table_.rules.size(); ++i) {
    const Rule& rule = table_.rules[i];
    // Patterns of repositories are compared faster than most terms.
    if (rule.pattern_of(subject.text()) != nullptr && rule.who_of(caller) != nullptr)
      return {rule.allow, DecisionReason::rule, i};
  }
  return {false, DecisionReason::no_rule, 0};
}

bool Rules::serves(const Caller& caller) const {
  return std::any_of(table_.rules.begin(), table_.rules.end(), [&](const Rule& rule) {
    return rule.allow && rule.who_of(caller) != nullptr;
  });
}

std::vector<std::string> Rules::explain(const Caller& caller, std::string_view upstream,
                                        std::string_view repository) const {
  const Decision decision = decide(caller, upstream, repository);
  const std::string subject = std::string(upstream) + "/" + std::string(repository);
  std::vector<std::string> lines = {"client: " + caller_text(caller),
                                    "repository: " + printable(subject)};
  const auto list = table_.denied.find(upstream);
  if (list != table_.denied.end()) {
    const bool denied = decision.reason == DecisionReason::deny_list;
    const std::string path = deny_list_path(upstream);
    lines.push_back(denied ? path + "[" + std::to_string(decision.index) +
                                 "]: matches: " + printable(list->second[decision.index].pattern())
                           : path + ": no match");
  }
  if (decision.reason == DecisionReason::rule || decision.reason == DecisionReason::no_rule) {
    const std::size_t last =
        decision.reason == DecisionReason::rule ? decision.index + 1 : table_.rules.size();
    for (std::size_t i = 0; i < last; ++i)
      lines.push_back(line_of(table_.rules[i], i, caller, subject));
  }
  lines.push_back(decision_text(decision, upstream));
  return lines;
}

std::string decision_text(const Decision& decision, std::string_view upstream) {
  const std::string index = "[" + std::to_string(decision.index) + "]";
  switch (decision.reason) {
    case DecisionReason::no_rules:
      return "allowed: no rules are configured";
    case DecisionReason::deny_list:
      return "refused by " + deny_list_path(upstream) + index;
    case DecisionReason::rule:
      return (decision.allowed ? "allowed by access" : "refused by access") + index;
    case DecisionReason::no_rule:
      return "refused: no rule matches";
    case DecisionReason::too_long:
      return "refused: the names are too long";
  }
  return "refused";
}

}  // namespace entrepot::access
