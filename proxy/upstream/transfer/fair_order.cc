// SPDX-License-Identifier: Apache-2.0
// Ranks end with a ticket, which is unique: equal ranks cannot meet in a set, and the best rank
// names the ticket to begin. A rank changes only with its client, so change() takes out what ranks
// the client and its line have and puts in what they have afterwards.
#include "proxy/upstream/transfer/fair_order.h"

#include "metrics/check.h"

namespace entrepot::upstream {

template <typename Change>
void FairOrder::change(cache::Client client_name, const std::string& repository,
                       const Change& apply) {
  const auto at = clients_.try_emplace(client_name).first;
  Share& client = at->second;
  const auto line_at = client.lines.try_emplace(repository).first;
  Line& line = line_at->second;
  if (!client.ready.empty()) {
    ready_.erase(ClientRank{client.under_way, *client.ready.begin()});
    sizes_.erase(std::pair{client.waiting.size(), static_cast<const Share*>(&client)});
  }
  if (!line.waiting.empty()) client.ready.erase(LineRank{line.under_way, *line.waiting.begin()});
  apply(client, line);
  if (!line.waiting.empty()) {
    client.ready.emplace(line.under_way, *line.waiting.begin());
  } else if (line.under_way == 0) {
    client.lines.erase(line_at);
  }
  if (!client.ready.empty()) {
    ready_.emplace(client.under_way, *client.ready.begin());
    sizes_.emplace(client.waiting.size(), &client);
  } else if (client.lines.empty()) {
    clients_.erase(at);
  }
}

void FairOrder::add(Ticket ticket, cache::Client client, const std::string& repository) {
  change(client, repository, [ticket](Share& of, Line& line) {
    line.waiting.insert(ticket);
    of.waiting.insert(ticket);
  });
  ++size_;
}

void FairOrder::remove(Ticket ticket, cache::Client client, const std::string& repository) {
  change(client, repository, [ticket](Share& of, Line& line) {
    check(line.waiting.erase(ticket) == 1, "what leaves the queue waits in it");
    of.waiting.erase(ticket);
  });
  --size_;
}

std::optional<FairOrder::Ticket> FairOrder::next() const {
  if (ready_.empty()) return std::nullopt;
  return ready_.begin()->second.second;
}

std::optional<FairOrder::Ticket> FairOrder::last_of_largest() const {
  if (sizes_.empty()) return std::nullopt;
  return *sizes_.rbegin()->second->waiting.rbegin();
}

void FairOrder::began(cache::Client client, const std::string& repository) {
  change(client, repository, [](Share& of, Line& line) {
    ++of.under_way;
    ++line.under_way;
  });
}

void FairOrder::ended(cache::Client client, const std::string& repository) {
  change(client, repository, [](Share& of, Line& line) {
    check(line.under_way > 0, "what ends has begun");
    --of.under_way;
    --line.under_way;
  });
}

std::size_t FairOrder::load(cache::Client client) const {
  const auto found = clients_.find(client);
  return found == clients_.end() ? 0 : found->second.under_way + found->second.waiting.size();
}

std::size_t FairOrder::running(cache::Client client) const {
  const auto found = clients_.find(client);
  return found == clients_.end() ? 0 : found->second.under_way;
}

}  // namespace entrepot::upstream
