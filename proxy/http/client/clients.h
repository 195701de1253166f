// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <unordered_map>

#include "metrics/log_interval.h"
#include "metrics/mutex.h"
#include "proxy/http/client/client_address.h"

namespace entrepot::http {

struct ClientLimits {
  /// Connections of all clients together.
  std::size_t connections = 10000;
  /// Connections that one client may always have. Beyond them it may have as many as are still
  /// free, so one greedy client leaves half of the places to others, and two leave a third.
  std::size_t connections_each = 64;
  /// Bytes of the large request heads of all clients; one client may hold half of them.
  std::size_t heads = std::size_t{32} << 20;
};

/// Counts the connections and head bytes of each client of one server. Has an entry per
/// client with a connection, so at most as many entries as connections. A connection answers one
/// request at a time, so the bound on connections is also one on requests. Any thread: admission
/// and release take a lock; all other counters are atomics of the client's entry.
class Clients {
 public:
  class Share;
  enum class Verdict : std::uint8_t {
    admitted,
    over_share,  ///< refused: the client has its share
    full,        ///< refused: ClientLimits::connections are open
  };
  struct Admission;
  enum class Role : std::uint8_t {
    client,
    /// A trusted proxy, which passes on the bytes of many clients: the bounds per client do not
    /// apply to it, those of all clients together do.
    proxy,
  };

  /// Refused connections that get an answer at a time. More are closed without one, so that a
  /// flood costs little.
  static constexpr std::size_t most_told = 128;

  explicit Clients(const ClientLimits& limits)
      : most_(limits.connections), most_each_(limits.connections_each), most_heads_(limits.heads) {}
  Clients(const Clients&) = delete;
  Clients& operator=(const Clients&) = delete;

  /// Other bounds of connections, for new ones; those of heads stay. Any thread.
  void limit(const ClientLimits& limits) {
    most_.store(limits.connections, std::memory_order_relaxed);
    most_each_.store(limits.connections_each, std::memory_order_relaxed);
  }
  /// Decides about a new connection from `address`.
  Admission admit(ClientAddress address, Role role = Role::client);
  /// Open connections, including the refused ones that get an answer.
  std::size_t connections() const {
    return open_.load(std::memory_order_relaxed) + leaving_.load(std::memory_order_relaxed);
  }

 private:
  struct Entry {
    // Guarded by the mutex of its shard.
    std::size_t all = 0;                // connections
    std::size_t connections = 0;        // of Role::client
    std::atomic<std::size_t> heads{0};  // bytes
    log::LogInterval lines;             // about this client
  };
  struct Shard {
    Mutex mutex;
    std::unordered_map<ClientAddress, Entry> entries GUARDED_BY(mutex);  // with stable addresses
  };
  static constexpr std::size_t shard_count = 16;

  Shard& shard_of(ClientAddress address) {
    return shards_[std::hash<ClientAddress>()(address) % shard_count];
  }
  void leave(ClientAddress address, Role role);

  std::atomic<std::size_t> most_, most_each_;  // connections
  const std::size_t most_heads_;               // bytes
  std::atomic<std::size_t> open_{0};
  std::atomic<std::size_t> leaving_{0};  // refused connections
  std::atomic<std::size_t> heads_{0};    // bytes
  std::array<Shard, shard_count> shards_;
};

/// The part of its server's resources that one connection holds. The destructor returns them, and
/// Clients outlives it. Loop thread of the connection.
class Clients::Share {
 public:
  Share() = default;
  Share(Share&& other) noexcept;
  /// Calls release() first.
  Share& operator=(Share&& other) noexcept;
  ~Share() { release(); }

  /// Counts `bytes` of memory for the present request head instead of the bytes counted before.
  /// Otherwise the count has not changed: they exceed ClientLimits::heads (full), or the client's
  /// half of it (over_share).
  Verdict hold_head(std::size_t bytes);
  /// Returns the head of the present request.
  void end_request();
  /// Returns all resources.
  void release();
  /// False for a refused connection and after release().
  bool admitted() const { return entry_ != nullptr; }

 private:
  friend class Clients;
  Share(Clients& clients, ClientAddress address, Role role, Entry* entry)
      : clients_(&clients), address_(address), role_(role), entry_(entry) {}

  Clients* clients_ = nullptr;  // null: holds no resources
  ClientAddress address_;
  Role role_ = Role::client;
  Entry* entry_ = nullptr;  // null: the connection is refused
  std::size_t head_ = 0;    // bytes
};

struct Clients::Admission {
  Verdict verdict;
  /// Whether a refused connection gets an answer (Clients::most_told).
  bool told;
  Share share;
};

}  // namespace entrepot::http
