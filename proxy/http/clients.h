// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <unordered_map>

#include "metrics/mutex.h"
#include "proxy/http/client_address.h"

namespace entrepot::http {

struct ClientLimits {
  /// Connections of all clients together.
  std::size_t connections = 10000;
  /// Connections that one client may have whoever else comes; beyond them it may have as many as
  /// are free. So one that takes all it can get leaves half of the places to others, two leave a
  /// third, and who is alone is hardly bounded.
  std::size_t connections_each = 64;
  /// Requests of one client that wait for the upstream or are answered while its bytes come.
  std::size_t misses_each = 1000;
  /// Bytes of large request heads, of all clients; one client may hold half of them.
  std::size_t heads = std::size_t{32} << 20;
};

/// Who holds how much of one server. Knows only clients that have a connection, so it has at most
/// as many entries as there are connections. Any thread: a connection takes a lock when it comes
/// and when it goes; what is counted in between are atomics of its client's entry. A request of one
/// connection is answered after the other, so the bound on connections is one on requests, too.
class Clients {
 public:
  class Share;
  enum class Verdict : std::uint8_t {
    admitted,
    over_share,  ///< its client has its share
    full,        ///< there are as many connections as there may be
  };
  struct Admission;

  /// Connections that are told at a time why they are turned away; more are closed without a word,
  /// so that they cost next to nothing.
  static constexpr std::size_t most_told = 128;

  explicit Clients(const ClientLimits& limits) : limits_(limits) {}
  Clients(const Clients&) = delete;
  Clients& operator=(const Clients&) = delete;

  /// A connection has come.
  Admission admit(ClientAddress address);
  /// All there are, those included that are told that they cannot stay.
  std::size_t connections() const {
    return open_.load(std::memory_order_relaxed) + leaving_.load(std::memory_order_relaxed);
  }

 private:
  using Clock = std::chrono::steady_clock;

  struct Entry {
    std::size_t connections = 0;  // used with the mutex of its shard held
    std::atomic<std::size_t> misses{0};
    std::atomic<std::size_t> heads{0};   // bytes
    std::atomic<Clock::rep> told_at{0};  // when the log last named it
  };
  struct Shard {
    Mutex mutex;
    std::unordered_map<ClientAddress, Entry> entries GUARDED_BY(mutex);  // entries stay in place
  };
  static constexpr std::size_t shard_count = 16;

  Shard& shard_of(ClientAddress address) {
    return shards_[std::hash<ClientAddress>()(address) % shard_count];
  }
  void leave(ClientAddress address);
  /// False, at most once a minute and client: it is to be logged.
  static bool told(Entry& entry);

  const ClientLimits limits_;
  std::atomic<std::size_t> open_{0};
  std::atomic<std::size_t> leaving_{0};  // of those that are turned away
  std::atomic<std::size_t> heads_{0};    // bytes
  std::array<Shard, shard_count> shards_;
};

/// What one connection holds of its server. Gives all of it back at its end. Loop thread of the
/// connection; `Clients` outlives what is not released.
class Clients::Share {
 public:
  Share() = default;
  Share(Share&& other) noexcept;
  Share& operator=(Share&&) = delete;
  ~Share() { release(); }

  /// Counts the connection's request as a miss until end_request(). False: its client has as many
  /// of them as one may have.
  bool begin_miss();
  /// The connection's head takes `bytes` in memory now. False, and no more than before is held:
  /// there is no room for it.
  bool hold_head(std::size_t bytes);
  /// Gives back what its request held.
  void end_request();
  void release();
  /// False for one that is turned away, or released.
  bool admitted() const { return entry_ != nullptr; }

 private:
  friend class Clients;
  Share(Clients& clients, ClientAddress address, Entry* entry)
      : clients_(&clients), address_(address), entry_(entry) {}

  Clients* clients_ = nullptr;  // null: holds nothing
  ClientAddress address_;
  Entry* entry_ = nullptr;  // null: of a connection that is turned away
  std::size_t head_ = 0;
  bool miss_ = false;
};

struct Clients::Admission {
  Verdict verdict;
  /// Of a connection that is turned away: whether it is to be told why.
  bool told;
  Share share;
};

}  // namespace entrepot::http
