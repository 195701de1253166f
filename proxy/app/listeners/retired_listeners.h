// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "proxy/app/listeners/client_listener.h"
#include "proxy/http/next.h"
#include "proxy/loop/loop.h"

namespace entrepot::app {

/// Listeners that accept no more, until their last connection has ended: those that a reload has
/// removed or replaced, and at the end of the process all.
///
///   reloading ──finish()──► finishing
///
///   reloading   a listener is destroyed when its last connection has ended. After the time to
///               drain, the connections that are left are closed
///   finishing   the owner bounds the time; the destructor destroys the listeners
///
/// Control loop only. The destructor runs on the main thread after finish(), or if no loop runs.
class RetiredListeners {
 public:
  /// `control` outlives this and all jobs on it.
  RetiredListeners(loop::Loop& control, std::chrono::milliseconds longest);
  RetiredListeners(const RetiredListeners&) = delete;
  RetiredListeners& operator=(const RetiredListeners&) = delete;

  /// The time to drain of listeners that are added from now on.
  void set_longest(std::chrono::milliseconds longest) { longest_ = longest; }
  /// Drains `listener`. `next`: whether another one listens on its sockets. REQUIRES: reloading.
  void add(std::unique_ptr<ClientListener> listener, http::Next next);
  /// Drains the `last` listeners, too. Calls `ended` on the control loop once no listener has a
  /// connection, which may be after this object is destroyed. Once.
  void finish(std::vector<std::unique_ptr<ClientListener>> last, http::Next next,
              std::function<void()> ended);
  /// Closes all connections.
  void close();

  std::size_t connections() const;
  /// Whether one may still listen on an address that overlaps this one (http::overlap()), because a
  /// loop has not closed its socket yet.
  bool may_hold(const std::string& address) const;

 private:
  using Id = std::uint64_t;
  struct Entry {
    std::unique_ptr<ClientListener> listener;
    std::unique_ptr<loop::Loop::Timer> limit;  // null when finishing
  };
  /// The part that the last jobs hold.
  struct Shared {
    RetiredListeners* owner;  // null when finishing
    std::size_t open = 0;     // listeners with connections
    std::function<void()> ended;
  };

  void drain(std::unique_ptr<ClientListener> listener, http::Next next);
  void remove(Id id);
  void cut(Id id);

  loop::Loop& control_;
  std::chrono::milliseconds longest_;
  const std::shared_ptr<Shared> shared_ = std::make_shared<Shared>(Shared{this, 0, {}});
  std::map<Id, Entry> entries_;
  Id last_id_ = 0;
};

}  // namespace entrepot::app
