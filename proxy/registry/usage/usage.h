// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "metrics/word_table.h"
#include "proxy/http/exchange.h"
#include "proxy/loop/loop.h"
#include "proxy/registry/reply/call.h"
#include "proxy/registry/usage/usage_table.h"

namespace entrepot::registry {

/// The names by which use is counted.
enum class UsageBy : std::uint8_t {
  /// "user ci", "certificate CN=node-1", or without a proven name the address: "10.0.0.7",
  /// "2001:db8:0:1::/64", "uid 1000".
  client,
  repository,  ///< "docker.io/library/alpine"
};

}  // namespace entrepot::registry

namespace entrepot::metrics {

template <>
inline constexpr auto words<registry::UsageBy> = make_words<registry::UsageBy>({
    {registry::UsageBy::client, "client"},
    {registry::UsageBy::repository, "repository"},
});

}  // namespace entrepot::metrics

namespace entrepot::registry {

/// Counts clients and repositories in the last 24 hours: a table for each loop, which only this
/// loop uses, so that a request takes no lock. Kept in memory only.
class Usage {
 public:
  /// `loops`: of the exchanges; they outlive this. Exchanges of others are not counted.
  explicit Usage(const std::vector<loop::Loop*>& loops);
  Usage(const Usage&) = delete;
  Usage& operator=(const Usage&) = delete;

  /// Counts an exchange that has ended. One that was refused, or names no content, is no use of the
  /// mirror. Loop of the exchange.
  void note(const http::Exchange& exchange, const Call& call, const http::ReplyStats& stats);

  struct Report {
    UsageTable::Page page;  ///< of all loops, in no order
    UsageTable::Time made;
    std::chrono::seconds span;  ///< that it covers
  };
  /// The use of the last `hours` hours, of which the present one has just begun. nullopt: a loop
  /// does not answer within 5 s, or `ending` is true meanwhile. Blocks; any thread but the loops.
  /// REQUIRES: from 1 to HourRing::length.
  std::optional<Report> report(UsageBy by, std::int64_t hours,
                               const std::function<bool()>& ending) const;

 private:
  /// The counts of one loop; that loop only.
  struct Tables {
    loop::Loop* loop = nullptr;
    std::array<UsageTable, metrics::count_of<UsageBy>> by{};
  };

  Tables* tables_of(const cache::Executor& executor) const;

  std::vector<std::unique_ptr<Tables>> tables_;
  const UsageTable::Time started_ = std::chrono::steady_clock::now();
};

}  // namespace entrepot::registry
