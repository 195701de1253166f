// SPDX-License-Identifier: Apache-2.0
// Rules, a line each: "a" or "r" (allow or refuse), a term, a space and a pattern; "d" and a
// pattern for the deny list. The last line is the repository.
#include "proxy/access/rules.h"
#include "tests/fuzz/target.h"

namespace entrepot::fuzz {
namespace {

void add_rule(access::RulesText& text, std::string_view line) {
  const char kind = line.front();
  line.remove_prefix(1);
  if (kind == 'd') {
    text.deny["docker.io"].emplace_back(line);
    return;
  }
  const std::size_t space = line.find(' ');
  const std::string_view pattern = space == line.npos ? "*" : line.substr(space + 1);
  text.access.push_back(
      {{std::string(line.substr(0, space))}, {std::string(pattern)}, kind == 'a'});
}

}  // namespace

void run(std::string_view input) {
  if (input.size() > 4096 || input.find('\0') != input.npos) return;
  access::RulesText text;
  text.groups = {{"build", {"ci"}}};
  std::string_view repository;
  while (!input.empty()) {
    repository = take_line(input);
    if (!input.empty() && !repository.empty()) add_rule(text, repository);
  }
  const auto parsed = access::Rules::parse(text);
  if (const auto* problems = std::get_if<std::vector<access::Problem>>(&parsed)) {
    require(!problems->empty(), "refused rules without a problem");
    return;
  }
  const auto& rules = std::get<access::Rules>(parsed);
  const std::string names[] = {"CN=node-1", "DNS=node-1.example"};
  access::Caller caller;
  caller.user = "ci";
  caller.certificate = names;
  caller.uid = 0;
  access::Claims claims;
  claims.add("/azp", "ci");
  claims.add("/kubernetes.io/namespace", "build");
  caller.claims = &claims;
  caller.address = *IpAddress::parse("10.2.0.7");
  const auto decision = rules.decide(caller, "docker.io", repository);
  if (decision.reason == access::DecisionReason::rule)
    require(text.access.at(decision.index).allow == decision.allowed, "another rule decided");
  for (const auto& line : rules.explain(caller, "docker.io", repository))
    for (const char c : line)
      require(static_cast<unsigned char>(c) >= ' ' && c != '\x7f', "a control character told");
}

}  // namespace entrepot::fuzz
