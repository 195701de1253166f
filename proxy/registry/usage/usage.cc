// SPDX-License-Identifier: Apache-2.0
#include "proxy/registry/usage/usage.h"

#include <algorithm>
#include <cstdint>
#include <future>
#include <map>
#include <string>
#include <utility>

#include "proxy/registry/reply/client_kind.h"

namespace entrepot::registry {
namespace {

using Time = UsageTable::Time;

constexpr std::chrono::seconds report_timeout{5};
constexpr std::chrono::milliseconds report_step{50};

bool is_from_store(metrics::Outcome outcome) {
  return outcome == metrics::Outcome::hit || outcome == metrics::Outcome::revalidated ||
         outcome == metrics::Outcome::stale;
}

UsageCounts counts_of(const http::Exchange& exchange, const Call& call,
                      const http::ReplyStats& stats) {
  const bool manifest = call.kind == metrics::Kind::manifest && stats.status == 200 &&
                        exchange.request().method() == http::Method::get;
  return {.requests = 1,
          .manifests = manifest ? 1U : 0U,
          .bytes = stats.body_bytes,
          .stored = is_from_store(call.outcome) ? stats.body_bytes : 0};
}

// The kinds of names of clients. Addresses have no text.
constexpr std::uint64_t user_scope = 1, certificate_scope = 2;

void count_client(UsageTable& table, const http::Peer& peer, const Call& call,
                  const UsageCounts& counts, Time now) {
  if (!call.user.empty())
    return table.add(
        {user_scope, call.user}, [&] { return "user " + call.user; }, counts, now);
  if (const auto name = certificate_name(peer); !name.empty())
    return table.add(
        {certificate_scope, name}, [&] { return "certificate " + std::string(name); }, counts, now);
  table.add(
      {peer.address.value()}, [&] { return peer.address.text(); }, counts, now);
}

void count_repository(UsageTable& table, const Call& call, const UsageCounts& counts, Time now) {
  table.add(
      {call.upstream->name_hash, call.repository},
      [&] { return call.upstream->name + "/" + std::string(call.repository); }, counts, now);
}

UsageTable::Page merged(std::vector<UsageTable::Page> pages) {
  UsageTable::Page all;
  std::map<std::string, std::pair<UsageCounts, Time>> rows;
  for (auto& page : pages) {
    all.others += page.others;
    for (auto& row : page.rows) {
      auto& [counts, last] = rows[std::move(row.name)];
      counts += row.counts;
      last = std::max(last, row.last);
    }
  }
  for (const auto& [name, row] : rows) all.rows.push_back({name, row.first, row.second});
  return all;
}

}  // namespace

Usage::Usage(const std::vector<loop::Loop*>& loops) {
  for (loop::Loop* loop : loops) {
    tables_.push_back(std::make_unique<Tables>());
    tables_.back()->loop = loop;
  }
}

Usage::Tables* Usage::tables_of(const cache::Executor& executor) const {
  for (const auto& tables : tables_)
    if (tables->loop == &executor) return tables.get();
  return nullptr;
}

void Usage::note(const http::Exchange& exchange, const Call& call, const http::ReplyStats& stats) {
  if (call.upstream == nullptr || call.outcome == metrics::Outcome::refused) return;
  Tables* tables = tables_of(exchange.executor());
  if (tables == nullptr) return;
  const auto counts = counts_of(exchange, call, stats);
  const auto now = stats.finished;
  count_client(tables->by[metrics::index_of(UsageBy::client)], exchange.peer(), call, counts, now);
  count_repository(tables->by[metrics::index_of(UsageBy::repository)], call, counts, now);
}

std::optional<Usage::Report> Usage::report(UsageBy by, std::int64_t hours,
                                           const std::function<bool()>& ending) const {
  using std::chrono::steady_clock;
  const auto now = steady_clock::now();
  std::vector<std::future<UsageTable::Page>> asked;
  for (const auto& tables : tables_) {
    const auto answer = std::make_shared<std::promise<UsageTable::Page>>();
    asked.push_back(answer->get_future());
    tables->loop->post([answer, hours, now, &table = tables->by[metrics::index_of(by)]] {
      answer->set_value(table.page(hours, now));
    });
  }
  std::vector<UsageTable::Page> pages;
  for (auto& answer : asked) {
    while (answer.wait_for(report_step) != std::future_status::ready)
      if (ending() || steady_clock::now() > now + report_timeout) return std::nullopt;
    try {
      pages.push_back(answer.get());
    } catch (const std::future_error&) {  // the loop ended and destroyed the job
      return std::nullopt;
    }
  }
  const auto first = std::chrono::floor<std::chrono::hours>(now.time_since_epoch()) -
                     std::chrono::hours(hours - 1);
  const auto begin = std::max(Time(first), started_);
  return Report{merged(std::move(pages)), now,
                std::chrono::duration_cast<std::chrono::seconds>(now - begin)};
}

}  // namespace entrepot::registry
