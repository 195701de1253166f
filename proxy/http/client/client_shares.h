// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "metrics/log_interval.h"
#include "metrics/mutex.h"
#include "proxy/http/client/client_address.h"
#include "proxy/http/client/pace.h"

namespace entrepot::http {

struct ShareLimits {
  /// Requests of one client in progress.
  std::size_t requests_each = 5000;
  /// Requests of one client that wait for an upstream or are answered while its bytes arrive.
  std::size_t misses_each = 1000;
  /// Bytes per second that one client gets; 0: as many as it can take. Else at least
  /// Pace::least_rate.
  std::uint64_t bandwidth_each = 0;
};

/// The requests, misses and bytes of each client, on all listeners. A client is the name that it
/// has proven, on whatever connections; without a name it is a ClientAddress. Has an entry for each
/// client of an open connection, and for those that have lately had their bandwidth. Any thread: a
/// lock when the client of a connection changes, atomics of the entry for each request.
class ClientShares {
 public:
  class Hold;

  explicit ClientShares(const ShareLimits& limits);
  ClientShares(const ClientShares&) = delete;
  ClientShares& operator=(const ClientShares&) = delete;

  /// Other limits, from the next request or part of a reply on. One thread at a time.
  void set_limits(const ShareLimits& limits);

  /// Clients that are known at present.
  std::size_t size() const;

 private:
  using Clock = Pace::Clock;

  struct Key {
    ClientAddress address;  // of a client without a name
    std::string name;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const noexcept {
      return std::hash<ClientAddress>()(key.address) ^ std::hash<std::string>()(key.name);
    }
  };
  struct Entry {
    std::size_t holds = 0;  // guarded by the mutex of its shard
    ClientAddress client;   // ClientAddress::of_name() for a name
    std::atomic<std::size_t> requests{0};
    std::atomic<std::size_t> misses{0};
    Pace pace{0};            // ShareLimits::bandwidth_each
    log::LogInterval lines;  // about this client
  };
  using Entries = std::unordered_map<Key, Entry, KeyHash>;  // with stable addresses
  struct Shard {
    mutable Mutex mutex;
    Entries entries GUARDED_BY(mutex);
    std::size_t sweep_at GUARDED_BY(mutex) = 64;  // entries
  };
  static constexpr std::size_t shard_count = 16;

  Shard& shard_of(const Key& key) { return shards_[KeyHash()(key) % shard_count]; }
  /// The number of a name: the same on all connections. Two names with one number are one client
  /// for fair scheduling, and have shares of their own here.
  ClientAddress client_of(const Key& key) const;
  Entries::value_type& enter(Key key);
  void leave(Entries::value_type& entry);
  static void sweep(Entries& entries);
  /// Counts one more. False: `most` are counted.
  static bool count(std::atomic<std::size_t>& counter, std::size_t most);
  /// Logs, once a minute for each client, that it has `most` of `things`.
  static void tell(Entries::value_type& entry, std::size_t most, std::string_view things,
                   std::string_view key);

  std::atomic<std::size_t> requests_each_, misses_each_;
  std::atomic<std::uint64_t> bandwidth_each_;
  const std::size_t seed_;  // of the numbers of names
  std::array<Shard, shard_count> shards_;
};

/// The part of a client's share that the present request of one connection uses. It remembers the
/// client until another one comes, since most connections have one client. The destructor returns
/// all; ClientShares outlives it. Loop thread of the connection.
class ClientShares::Hold {
 public:
  /// Null: there are no bounds.
  explicit Hold(ClientShares* shares) : shares_(shares) {}
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;
  ~Hold() { release(); }

  /// Counts the present request as one of `name`, or if it is empty of `address`, until
  /// end_request(). False: the client has ShareLimits::requests_each of them; nothing is counted.
  bool begin_request(ClientAddress address, std::string_view name);
  /// Counts the present request as a miss as well. False: the client has ShareLimits::misses_each.
  /// REQUIRES: begin_request() was true.
  bool begin_miss();
  void end_request();
  /// Forgets the client.
  void release();

  /// The rate of the client of the present request; null: it has none. Valid until end_request().
  Pace* pace() const;
  /// The client of the present request. REQUIRES: begin_request() was true, and there are bounds.
  ClientAddress client() const { return entry_->second.client; }
  /// False: there are no bounds, or no request is in progress.
  bool counts() const { return request_; }

 private:
  bool is(ClientAddress address, std::string_view name) const;

  ClientShares* const shares_;
  Entries::value_type* entry_ = nullptr;  // of the latest request
  bool request_ = false;
  bool miss_ = false;
};

}  // namespace entrepot::http
