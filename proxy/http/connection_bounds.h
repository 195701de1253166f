// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>
#include <utility>

#include "proxy/http/client/client_shares.h"
#include "proxy/http/client/clients.h"
#include "proxy/http/parse/refusal.h"
#include "proxy/http/server.h"

namespace entrepot::http {

/// The part of the bounds per client that one connection and its present request use. Counts what
/// it refuses (ServerOptions::client_counters). The destructor returns all. Loop thread of the
/// connection.
class ConnectionBounds {
 public:
  /// `options` outlives this.
  explicit ConnectionBounds(const ServerOptions& options)
      : options_(options), shares_(options.shares) {}

  /// Asks `clients` for a place, after returning the one before. Returns the verdict, and whether a
  /// refusal gets an answer.
  std::pair<Clients::Verdict, bool> admit(Clients& clients, ClientAddress address,
                                          Clients::Role role);
  /// Has a place.
  bool admitted() const { return place_.admitted(); }
  /// Counts the memory of the present request head, unless it has to be refused.
  Refusal hold_head(std::size_t bytes);
  /// As Exchange::begin_request() and begin_miss(), for a client at `address`.
  bool begin_request(ClientAddress address, std::string_view name);
  bool begin_miss();
  /// The client of the present request; `address` before begin_request().
  ClientAddress client(ClientAddress address) const {
    return shares_.counts() ? shares_.client() : address;
  }
  /// The rate of the client of the present request; null: it has none. Valid until end_request().
  Pace* pace() const { return shares_.pace(); }
  /// Returns what the present request uses.
  void end_request();
  /// Returns all, for a connection that has ended.
  void release();

 private:
  const ServerOptions& options_;
  Clients::Share place_;
  ClientShares::Hold shares_;
};

}  // namespace entrepot::http
