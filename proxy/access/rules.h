// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "metrics/word_table.h"
#include "proxy/access/caller.h"
#include "proxy/access/rule_table.h"

namespace entrepot::access {

/// The cause of a decision.
enum class DecisionReason : std::uint8_t {
  no_rules,   ///< allowed: no rule is configured, and no deny list matches
  deny_list,  ///< refused: a pattern of the upstream's deny list matches
  rule,       ///< allowed or refused by the first rule that matches
  no_rule,    ///< refused: rules are configured, and none matches
  too_long,   ///< refused: upstream and repository have more than 1022 bytes together
};

struct Decision {
  bool allowed = false;
  DecisionReason reason = DecisionReason::no_rule;
  /// The index of the rule in `access` (reason rule), or of the pattern in the deny list of the
  /// upstream (reason deny_list); else 0.
  std::size_t index = 0;
  bool operator==(const Decision&) const = default;
};

/// Decides who may pull what. Deny lists come first and bind everybody; then the first rule that
/// matches the caller and the repository decides; without a match the answer is no. If no rule is
/// configured, everybody may pull everything that no deny list names. Immutable; any thread.
class Rules {
 public:
  /// No rules: everything is allowed.
  Rules() = default;
  /// Otherwise every problem; see rule_table().
  static std::variant<Rules, std::vector<Problem>> parse(const RulesText& text);

  /// Pure; allocates nothing; takes less than a microsecond with 20 rules. `upstream` is the
  /// configured name, not an alias. REQUIRES: no NUL in the names.
  Decision decide(const Caller& caller, std::string_view upstream,
                  std::string_view repository) const;
  /// The way to the decision in words, for `entrepot access explain`: a line for the caller, for
  /// the deny list and for each rule up to the one that decides, and one for the decision. Safe for
  /// a terminal.
  std::vector<std::string> explain(const Caller& caller, std::string_view upstream,
                                   std::string_view repository) const;

  bool empty() const { return table_.empty(); }
  /// False: there are deny lists at most.
  bool has_rules() const { return !table_.rules.empty(); }
  /// Whether some rule lets the caller pull something. REQUIRES: has_rules().
  bool serves(const Caller& caller) const;

 private:
  explicit Rules(RuleTable table) : table_(std::move(table)) {}

  RuleTable table_;
};

/// The decision in words: "allowed by access[2]", "refused: no rule matches".
std::string decision_text(const Decision& decision, std::string_view upstream);

}  // namespace entrepot::access

namespace entrepot::metrics {

template <>
inline constexpr auto words<access::DecisionReason> = make_words<access::DecisionReason>({
    {access::DecisionReason::no_rules, "no-rules"},
    {access::DecisionReason::deny_list, "deny-list"},
    {access::DecisionReason::rule, "rule"},
    {access::DecisionReason::no_rule, "no-rule"},
    {access::DecisionReason::too_long, "too-long"},
});

}  // namespace entrepot::metrics
