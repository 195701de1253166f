// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/server.h"

#include <atomic>
#include <latch>
#include <optional>
#include <utility>

#include "metrics/check.h"
#include "proxy/http/listener.h"
#include "proxy/http/loop_server.h"
#include "proxy/loop/loop.h"

namespace entrepot::http {

// The constructing thread also constructs the LoopServers, which touch nothing of a loop that runs.
// From then on each belongs to its loop, and every call to it is posted there.
class Server::Impl {
 public:
  Impl(ServerOptions options, const std::vector<loop::Loop*>& loops, Handler& handler)
      : options_(std::move(options)) {
    check(!loops.empty(), "a server without loops");
    Listening listening = bind_on(options_.address, loops.size(), options_.socket_mode,
                                  options_.inherited, options_.neighbours);
    sockets_ = std::move(listening.sockets);
    if (listening.file) file_.emplace(std::move(*listening.file));
    port_ = local_port(sockets_.front());
    holding_ = loops.size();
    for (std::size_t i = 0; i < loops.size(); ++i)
      parts_.push_back(
          std::make_unique<LoopServer>(*loops[i], options_, handler, sockets_[i], clients_));
    for (std::size_t i = 0; i < parts_.size(); ++i)
      parts_[i]->set_next(*parts_[(i + 1) % parts_.size()], in_turn());
  }

  // Open parts post jobs to each other. Those jobs run before the jobs of the second round, which
  // is posted when all parts are closed.
  ~Impl() {
    remove_file();
    on_each_loop_wait([](std::unique_ptr<LoopServer>& part) { part->close(); });
    on_each_loop_wait([](std::unique_ptr<LoopServer>& part) { part.reset(); });
  }

  std::uint16_t port() const { return port_; }
  const std::vector<int>& sockets() const { return sockets_; }
  std::size_t connections() const { return clients_.connections(); }
  bool holds_address() const { return holding_ > 0; }

  void listen() { begin_listening(options_.address, sockets_); }
  void start() {
    if (in_turn()) return parts_.front()->loop().post([this] { parts_.front()->start(); });
    on_each_loop([](LoopServer& part) { part.start(); });
  }
  void close() {
    remove_file();
    on_each_loop([this](LoopServer& part) { end(part, [&] { part.close(); }); });
  }

  void renew(const std::shared_ptr<const tls::Context>& context) {
    on_each_loop([context](LoopServer& part) { part.renew(context); });
  }

  void trust(const std::shared_ptr<const TrustedProxies>& proxies) {
    on_each_loop([proxies](LoopServer& part) { part.arrivals().trust(proxies); });
  }

  void bound(const ServerOptions& next) {
    clients_.limit(next.limits);
    const ServerTimeouts timeouts(next);
    on_each_loop([timeouts](LoopServer& part) { part.arrivals().set_timeouts(timeouts); });
  }

  void drain(Next next, const std::function<void()>& drained) {
    if (next == Next::listens && file_) file_->leave();
    remove_file();
    const auto left = std::make_shared<std::atomic<std::size_t>>(parts_.size());
    on_each_loop([this, left, next, drained](LoopServer& part) {
      end(part, [&] {
        part.drain(next, [left, drained] {
          if (left->fetch_sub(1) == 1) drained();
        });
      });
    });
  }

 private:
  bool in_turn() const { return file_ && parts_.size() > 1; }
  /// Before the sockets are closed (SocketFile::remove()).
  void remove_file() {
    if (file_) file_->remove();
  }

  /// Both drain() and close() of a part close its socket.
  template <typename Do>
  void end(const LoopServer& part, Do action) {
    const bool open = !part.draining();
    action();
    if (open) --holding_;
  }

  // The destructor posts the end of a part to the same loop, so this job runs before it.
  template <typename Do>
  void on_each_loop(Do action) {
    for (const std::unique_ptr<LoopServer>& part : parts_)
      part->loop().post([part = part.get(), action] { action(*part); });
  }

  /// Returns when all have acted. A loop without a thread acts on this one.
  template <typename Do>
  void on_each_loop_wait(Do action) {
    std::latch done(static_cast<std::ptrdiff_t>(parts_.size()));
    for (std::unique_ptr<LoopServer>& part : parts_) {
      loop::Loop& loop = part->loop();
      const auto act = [&part, &done, action] {
        action(part);
        done.count_down();
      };
      if (loop.in_loop())
        act();
      else
        loop.post(act);
    }
    done.wait();
  }

  const ServerOptions options_;
  std::uint16_t port_ = 0;
  std::vector<int> sockets_;             // of the parts, which close them
  std::optional<SocketFile> file_;       // of a unix socket
  std::atomic<std::size_t> holding_{0};  // parts whose sockets are open
  Clients clients_{options_.limits};
  std::vector<std::unique_ptr<LoopServer>> parts_;
};

Server::Server(ServerOptions options, const std::vector<loop::Loop*>& loops, Handler& handler)
    : impl_(std::make_unique<Impl>(std::move(options), loops, handler)) {}

Server::~Server() = default;

void Server::listen() { impl_->listen(); }

bool Server::holds_address() const { return impl_->holds_address(); }

std::uint16_t Server::port() const { return impl_->port(); }

const std::vector<int>& Server::sockets() const { return impl_->sockets(); }

void Server::start() { impl_->start(); }

void Server::drain(Next next, const std::function<void()>& drained) { impl_->drain(next, drained); }

void Server::renew(const std::shared_ptr<const tls::Context>& context) { impl_->renew(context); }

void Server::trust(const std::shared_ptr<const TrustedProxies>& proxies) { impl_->trust(proxies); }

void Server::bound(const ServerOptions& next) { impl_->bound(next); }

void Server::close() { impl_->close(); }

std::size_t Server::connections() const { return impl_->connections(); }

}  // namespace entrepot::http
