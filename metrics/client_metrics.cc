// SPDX-License-Identifier: Apache-2.0
#include "metrics/client_metrics.h"

#include <algorithm>
#include <array>
#include <atomic>

#include "metrics/exposition/exposition.h"

namespace entrepot::metrics {
namespace {

using std::chrono::duration;
using std::chrono::seconds;

/// Seconds of the steady clock; 0: never.
std::int64_t seconds_of(ClientMetrics::Time time) {
  return std::chrono::duration_cast<seconds>(time.time_since_epoch()).count();
}

}  // namespace

struct ClientMetrics::Series {
  std::array<std::array<std::atomic<std::int64_t>, count_of<ClientNetwork>>, count_of<Engine>>
      last{};
  std::array<std::atomic<std::int64_t>, count_of<ClientNetwork>> day{};  // since 1970; 0: never
  EnumSeries<CounterSeries, ClientLimit> limited;
};

ClientMetrics::ClientMetrics() : series_(std::make_shared<Series>()) {}

bool ClientMetrics::requested(Engine engine, ClientNetwork network, Time now) const {
  auto& last = series_->last[index_of(engine)][index_of(network)];
  const auto time = seconds_of(now);
  // Loops share the cache line, and most requests change nothing.
  if (last.load(std::memory_order_relaxed) >= time) return false;
  last.store(time, std::memory_order_relaxed);
  return begins_day(network,
                    std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now()));
}

bool ClientMetrics::begins_day(ClientNetwork network, std::chrono::sys_days day) const {
  auto& noted = series_->day[index_of(network)];
  const std::int64_t number = day.time_since_epoch().count();
  auto before = noted.load(std::memory_order_relaxed);
  // A loop that read the clock just before midnight comes a day late.
  if (number == before || number == before - 1) return false;
  return noted.compare_exchange_strong(before, number, std::memory_order_relaxed);
}

std::optional<ClientMetrics::Latest> ClientMetrics::latest(Time now) const {
  std::int64_t latest = 0;
  std::optional<Latest> found;
  for (std::size_t engine = 0; engine < count_of<Engine>; ++engine)
    for (std::size_t network = 0; network < count_of<ClientNetwork>; ++network) {
      const auto last = series_->last[engine][network].load(std::memory_order_relaxed);
      if (last <= latest) continue;
      latest = last;
      found = {static_cast<Engine>(engine), static_cast<ClientNetwork>(network),
               seconds(std::max<std::int64_t>(seconds_of(now) - last, 0))};
    }
  return found;
}

Counter ClientMetrics::limited(ClientLimit limit) const {
  return Counter(&series_->limited[limit]);
}

void ClientMetrics::write(Exposition& out) const {
  out.add_each(Id::clients_limited, series_->limited);
  const auto steady = seconds_of(std::chrono::steady_clock::now());
  const double wall = duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  for (std::size_t engine = 0; engine < count_of<Engine>; ++engine)
    for (std::size_t network = 0; network < count_of<ClientNetwork>; ++network) {
      const auto last = series_->last[engine][network].load(std::memory_order_relaxed);
      out.add(Id::last_request, {words<Engine>[engine], words<ClientNetwork>[network]},
              last == 0 ? 0 : wall - static_cast<double>(steady - last));
    }
}

}  // namespace entrepot::metrics
