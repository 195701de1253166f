// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "proxy/http/clients.h"
#include "proxy/http/connection.h"
#include "proxy/http/head_writer.h"
#include "proxy/http/listener.h"
#include "proxy/http/server.h"
#include "proxy/loop/loop.h"

namespace entrepot::http {

/// One loop's part of a server: its listener, its connections, and what they share. Loop thread
/// only, but for the constructor.
class Lane {
 public:
  /// `listening`: a listening socket, taken over. `clients` knows the connections of all lanes.
  Lane(loop::Loop& loop, const ServerOptions& options, Handler& handler, int listening,
       Clients& clients);
  ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  void start();
  /// Calls `drained` once no connection is left.
  void drain(std::function<void()> drained);
  /// Cuts all connections and stops to accept.
  void close();

  // For connections.
  loop::Loop& loop() { return loop_; }
  const ServerOptions& options() const { return options_; }
  Handler& handler() { return handler_; }
  HeadWriter& head_writer() { return head_writer_; }
  bool draining() const { return draining_; }
  /// Forgets a closed connection and destroys it in a later turn.
  void remove(Connection& connection);

 private:
  void accepted(int fd, Peer peer);
  /// A place for a connection that has come, that of another where options().displaces says so.
  Clients::Admission admit(ClientAddress address);
  void turn_away(Connection& connection, Clients::Verdict verdict, bool told);
  /// Cuts the connection whose place a newcomer gets (ServerOptions::Displaces); false without any.
  bool make_room();
  void sweep_later();
  void sweep();
  void report_if_drained();

  // Constant after construction.
  loop::Loop& loop_;
  const ServerOptions& options_;
  Handler& handler_;
  Clients& clients_;
  const std::chrono::milliseconds sweep_every_;

  HeadWriter head_writer_;
  Listener listener_;
  std::vector<std::shared_ptr<Connection>> connections_;
  std::size_t look_at_ = 0;  // where make_room() goes on
  std::unique_ptr<loop::Loop::Timer> sweep_timer_;
  Connection::Clock::time_point sweep_due_{};
  bool late_ = false;  // the last sweep was put off
  bool draining_ = false;
  std::function<void()> drained_;
};

}  // namespace entrepot::http
