// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/eviction/gates.h"

#include <iomanip>

#include "tests/bench/eviction/contenders.h"
#include "tests/bench/eviction/scenarios.h"

namespace entrepot::bench {
namespace {

constexpr double cache_share = 0.05;

class Gates {
 public:
  explicit Gates(std::ostream& out) : out_(out) { out_ << std::fixed << std::setprecision(1); }

  Score show(const char* scenario, const Contender& contender, const Trace& trace) {
    const Score score = play(contender, trace, cache_share);
    out_ << scenario << ", " << contender.name << ": " << score.requests << " % of requests, "
         << score.bytes << " % of bytes, " << score.wait << " % of waiting" << std::endl;
    return score;
  }
  void expect(const char* what, double have, double want) {
    const bool met = have >= want;
    out_ << (met ? "met:    " : "MISSED: ") << what << ' ' << have << ", wanted " << want << '\n';
    all_met_ = all_met_ && met;
  }
  bool all_met() const { return all_met_; }

 private:
  std::ostream& out_;
  bool all_met_ = true;
};

}  // namespace

bool pass_gates(std::ostream& out, std::uint64_t seed) {
  Gates gates(out);
  const Trace base = Generator(base_scenario(), seed).run();
  const Score ours = gates.show("base", production, base);
  gates.show("base", lru, base);
  gates.show("base", fifo, base);
  const Trace scan = Generator(scan_scenario(), seed).run();
  const Score scanned = gates.show("scan", production, scan);
  const Score scanned_lru = gates.show("scan", lru, scan);
  gates.show("scan", fifo, scan);

  gates.expect("base, requests", ours.requests, 84);
  gates.expect("base, bytes", ours.bytes, 65);
  gates.expect("base, waiting", ours.wait, 70);
  gates.expect("scan, bytes (LRU and 5)", scanned.bytes, scanned_lru.bytes + 5);
  return gates.all_met();
}

}  // namespace entrepot::bench
