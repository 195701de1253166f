// SPDX-License-Identifier: Apache-2.0
// Compares the mirror's eviction policy with others (docs/eviction.md).
//
//   eviction_sim [--quick] [--seed N] [--svg FILE]   prints the table, draws the curves
//   eviction_sim --gates [--seed N]                  exit 1 when the policy is worse than promised
#include <charconv>
#include <fstream>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>

#include "tests/bench/eviction/curves.h"
#include "tests/bench/eviction/gates.h"
#include "tests/bench/eviction/scenarios.h"
#include "tests/bench/eviction/table.h"

namespace entrepot::bench {
namespace {

struct Options {
  bool gates = false;
  bool quick = false;
  std::uint64_t seed = 42;
  std::string svg;
};

std::optional<Options> parse(const std::vector<std::string_view>& words) {
  Options options;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view value = i + 1 < words.size() ? words[i + 1] : "";
    if (words[i] == "--gates") {
      options.gates = true;
    } else if (words[i] == "--quick") {
      options.quick = true;
    } else if (words[i] == "--seed" && !value.empty()) {
      const auto* const end = value.data() + value.size();
      if (std::from_chars(value.data(), end, options.seed).ptr != end) return std::nullopt;
      ++i;
    } else if (words[i] == "--svg" && !value.empty()) {
      options.svg = value;
      ++i;
    } else {
      return std::nullopt;
    }
  }
  return options;
}

/// Fewer events, for a first look: other figures, the same order.
Scenario shortened(Scenario scenario, bool quick) {
  if (quick) scenario.events /= 4;
  return scenario;
}

int run(const Options& options) {
  if (options.gates) return pass_gates(std::cout, options.seed) ? 0 : 1;
  auto columns = scenarios();
  for (auto& column : columns) column = shortened(column, options.quick);
  print_table(std::cout, columns, options.seed, 0.05);
  if (options.svg.empty()) return 0;
  std::ofstream file(options.svg);
  draw_curves(file, Generator(columns.front(), options.seed).run());
  file.close();
  if (file) return 0;
  std::cerr << "cannot write " << options.svg << '\n';
  return 1;
}

}  // namespace
}  // namespace entrepot::bench

int main(int argc, char** argv) {
  const auto options = entrepot::bench::parse({argv + 1, argv + argc});
  if (!options) {
    std::cerr << "usage: eviction_sim [--quick] [--seed N] [--svg FILE] | --gates [--seed N]\n";
    return 2;
  }
  return entrepot::bench::run(*options);
}
