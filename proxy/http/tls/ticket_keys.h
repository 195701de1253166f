// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>

#include "metrics/mutex.h"

namespace entrepot::http::tls {

/// A key for session tickets (RFC 5077 §4).
struct TicketKey {
  std::array<unsigned char, 16> name;
  std::array<unsigned char, 32> cipher;  ///< AES-256-CBC
  std::array<unsigned char, 32> mac;     ///< HMAC-SHA-256
};

/// The keys for the session tickets of one listener: random, never stored, replaced every `period`.
/// A stolen key of the process reveals no TLS 1.2 session that ended two periods ago. Any thread.
class TicketKeys {
 public:
  using Clock = std::chrono::steady_clock;

  /// The time that a key is the newest, and again that it is accepted. The lifetime of a ticket.
  static constexpr std::chrono::hours period{6};

  explicit TicketKeys(std::function<Clock::time_point()> now = Clock::now);
  ~TicketKeys();
  TicketKeys(const TicketKeys&) = delete;
  TicketKeys& operator=(const TicketKeys&) = delete;

  /// The key for new tickets. Throws std::runtime_error if the system gives no random bytes.
  TicketKey newest();
  struct Found {
    TicketKey key;
    bool old;  ///< the client should get a new ticket
  };
  /// The key with this name, if it is still accepted.
  std::optional<Found> find(const unsigned char* name);

 private:
  /// Replaces the keys that are too old.
  void rotate() REQUIRES(mutex_);

  const std::function<Clock::time_point()> now_;
  Mutex mutex_;
  TicketKey newest_ GUARDED_BY(mutex_);
  std::optional<TicketKey> previous_ GUARDED_BY(mutex_);
  Clock::time_point made_ GUARDED_BY(mutex_);  // of newest_
};

}  // namespace entrepot::http::tls
