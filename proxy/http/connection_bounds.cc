// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/connection_bounds.h"

namespace entrepot::http {
namespace {

/// A smaller head does not count towards ClientLimits::heads.
constexpr std::size_t free_head = 4 * 1024;

}  // namespace

std::pair<Clients::Verdict, bool> ConnectionBounds::admit(Clients& clients, ClientAddress address,
                                                          Clients::Role role) {
  place_.release();
  auto [verdict, told, place] = clients.admit(address, role);
  place_ = std::move(place);
  return {verdict, told};
}

Refusal ConnectionBounds::hold_head(std::size_t bytes) {
  if (bytes <= free_head) return {};
  const auto verdict = place_.hold_head(bytes);
  if (verdict == Clients::Verdict::admitted) return {};
  if (const auto& counters = options_.client_counters) counters->heads.add();
  if (verdict == Clients::Verdict::full) return {503, "too many large request heads at once"};
  return {429, "too many large request heads of one client at once"};
}

bool ConnectionBounds::begin_request(ClientAddress address, std::string_view name) {
  if (shares_.begin_request(address, name)) return true;
  if (const auto& counters = options_.client_counters) counters->requests.add();
  return false;
}

bool ConnectionBounds::begin_miss() {
  if (shares_.begin_miss()) return true;
  if (const auto& counters = options_.client_counters) counters->misses.add();
  return false;
}

void ConnectionBounds::end_request() {
  place_.end_request();
  shares_.end_request();
}

void ConnectionBounds::release() {
  place_.release();
  shares_.release();
}

}  // namespace entrepot::http
