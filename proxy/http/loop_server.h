// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proxy/http/arrivals.h"
#include "proxy/http/client/clients.h"
#include "proxy/http/connection.h"
#include "proxy/http/head_writer.h"
#include "proxy/http/listener.h"
#include "proxy/http/server.h"
#include "proxy/loop/loop.h"

namespace entrepot::http {

/// The part of a server on one loop: its listener, its connections, and the state they share. Loop
/// thread only, except the constructor.
class LoopServer {
 public:
  /// Takes over `listening`, a listening socket. `options`, `handler` and `clients`, which counts
  /// the connections of all loops, outlive this.
  LoopServer(loop::Loop& loop, const ServerOptions& options, Handler& handler, int listening,
             Clients& clients);
  ~LoopServer();
  LoopServer(const LoopServer&) = delete;
  LoopServer& operator=(const LoopServer&) = delete;

  /// The server that this one asks to make room when it cannot do so itself. The servers of all
  /// loops form a ring; all of them are closed before the first is destroyed. Any thread, before
  /// start(). `one_socket`: their listening sockets are one, so each accepts one connection and
  /// then starts the next server; the first to start is that of the caller.
  void set_next(LoopServer& next, bool one_socket);

  /// Begins to accept.
  void start();
  /// Stops accepting, closes each connection at the end of its reply, and calls `drained` on the
  /// loop once none is left.
  void drain(Next next, std::function<void()> drained);
  /// As Server::renew().
  void renew(std::shared_ptr<const tls::Context> context);
  /// Stops accepting and closes all connections.
  void close();

  // For connections.
  loop::Loop& loop() { return loop_; }
  /// As of the start; Arrivals::timeouts() are the present ones.
  const ServerOptions& options() const { return options_; }
  Handler& handler() { return handler_; }
  HeadWriter& head_writer() { return head_writer_; }
  bool draining() const { return draining_; }
  Arrivals& arrivals() { return arrivals_; }
  /// Removes a closed connection from the table and destroys it in a later turn.
  void remove(Connection& connection);

 private:
  /// Begins the connection of `client`, whose bytes are the next ones of `fd`.
  void begin(int fd, Peer client);
  /// As Connection::admit(); if the server is full, once more after make_room().
  std::pair<Clients::Verdict, bool> admit(Connection& connection);
  /// Refuses `connection` for the reason `verdict`. `told`: with an answer.
  void turn_away(Connection& connection, Clients::Verdict verdict, bool told);
  /// Asks `asked`, and then the servers after it up to this one, to make room for `newcomer`, a
  /// connection of this server. Any loop of the ring.
  void ask_for_room(LoopServer& asked, const std::weak_ptr<Connection>& newcomer);
  /// Admits or turns away `newcomer`. `asked` has made room, or is the last of the ring.
  void try_again(const std::weak_ptr<Connection>& newcomer, LoopServer& asked);
  /// Closes a connection of this loop for a new one (ServerOptions::Displaces). False: there is
  /// none to close.
  bool make_room();
  void sweep_later();
  void sweep();
  void report_if_drained();

  // Constant after construction.
  loop::Loop& loop_;
  const ServerOptions& options_;
  Handler& handler_;
  Clients& clients_;
  LoopServer* next_ = this;

  std::chrono::milliseconds sweep_every_;
  std::shared_ptr<const tls::Context> tls_;  // null: plain TCP
  HeadWriter head_writer_;
  Listener listener_;
  Arrivals arrivals_;
  std::vector<std::shared_ptr<Connection>> connections_;
  std::size_t look_at_ = 0;  // make_room() continues after this index
  std::unique_ptr<loop::Loop::Timer> sweep_timer_;
  Connection::Clock::time_point sweep_due_{};
  bool late_ = false;  // the last sweep was late and was put off
  bool draining_ = false;
  std::function<void()> drained_;
};

}  // namespace entrepot::http
