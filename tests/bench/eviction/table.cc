// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/eviction/table.h"

#include <iomanip>
#include <string>

#include "tests/bench/eviction/contenders.h"

namespace entrepot::bench {
namespace {

void print_head(std::ostream& out, const std::vector<Scenario>& scenarios) {
  out << "| Policy |";
  for (const auto& scenario : scenarios) out << ' ' << scenario.name << " |";
  out << "\n|---|";
  for (std::size_t i = 0; i < scenarios.size(); ++i) out << "---|";
  out << '\n';
}

void print_shapes(std::ostream& out, const std::vector<Scenario>& scenarios,
                  const std::vector<Trace>& traces) {
  for (std::size_t i = 0; i < traces.size(); ++i) {
    const auto shape = traces[i].shape();
    out << scenarios[i].name << ": " << traces[i].requests.size() << " requests, " << shape.objects
        << " layers, " << static_cast<double>(traces[i].footprint()) / 1e9 << " GB, "
        << 100 * shape.one_hit << " % of the layers asked for once, the most wanted 1 % get "
        << 100 * shape.top_percent << " % of the requests\n";
  }
}

}  // namespace

void print_table(std::ostream& out, const std::vector<Scenario>& scenarios, std::uint64_t seed,
                 double share) {
  std::vector<Trace> traces;
  traces.reserve(scenarios.size());
  for (const auto& scenario : scenarios) traces.push_back(Generator(scenario, seed).run());
  out << std::fixed << std::setprecision(0);
  print_head(out, scenarios);
  for (const auto& contender : contenders()) {
    out << "| " << contender.name << " |";
    for (const auto& trace : traces) {
      const Score score = play(contender, trace, share);
      out << ' ' << score.requests << " / " << score.bytes << " / " << score.wait << " |";
    }
    out << std::endl;  // a row takes seconds
  }
  out << '\n';
  print_shapes(out, scenarios, traces);
}

}  // namespace entrepot::bench
