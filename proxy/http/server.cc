// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/server.h"

#include <atomic>
#include <latch>
#include <utility>

#include "metrics/check.h"
#include "proxy/http/listener.h"
#include "proxy/http/loop_server.h"
#include "proxy/loop/loop.h"

namespace entrepot::http {

// The constructing thread also constructs the LoopServers. From then on each belongs to its loop,
// and every call to it is posted there.
class Server::Impl {
 public:
  Impl(ServerOptions options, const std::vector<loop::Loop*>& loops, Handler& handler)
      : options_(std::move(options)) {
    check(!loops.empty(), "a server without loops");
    const std::vector<int> sockets = listen_on(options_.address, loops.size());
    port_ = local_port(sockets.front());
    for (std::size_t i = 0; i < loops.size(); ++i)
      parts_.push_back(
          std::make_unique<LoopServer>(*loops[i], options_, handler, sockets[i], clients_));
  }

  ~Impl() {
    std::latch gone(static_cast<std::ptrdiff_t>(parts_.size()));
    for (std::unique_ptr<LoopServer>& part : parts_) {
      loop::Loop& loop = part->loop();
      const auto destroy = [&part, &gone] {
        part.reset();
        gone.count_down();
      };
      if (loop.in_loop())
        destroy();
      else
        loop.post(destroy);
    }
    gone.wait();
  }

  std::uint16_t port() const { return port_; }
  std::size_t connections() const { return clients_.connections(); }

  void start() {
    on_each_loop([](LoopServer& part) { part.start(); });
  }
  void close() {
    on_each_loop([](LoopServer& part) { part.close(); });
  }

  void drain(const std::function<void()>& drained) {
    const auto left = std::make_shared<std::atomic<std::size_t>>(parts_.size());
    on_each_loop([left, drained](LoopServer& part) {
      part.drain([left, drained] {
        if (left->fetch_sub(1) == 1) drained();
      });
    });
  }

 private:
  // The destructor posts the end of a part to the same loop, so this job runs before it.
  template <typename Do>
  void on_each_loop(Do action) {
    for (const std::unique_ptr<LoopServer>& part : parts_)
      part->loop().post([part = part.get(), action] { action(*part); });
  }

  const ServerOptions options_;
  std::uint16_t port_ = 0;
  Clients clients_{options_.limits};
  std::vector<std::unique_ptr<LoopServer>> parts_;
};

Server::Server(ServerOptions options, const std::vector<loop::Loop*>& loops, Handler& handler)
    : impl_(std::make_unique<Impl>(std::move(options), loops, handler)) {}

Server::~Server() = default;

std::uint16_t Server::port() const { return impl_->port(); }

void Server::start() { impl_->start(); }

void Server::drain(const std::function<void()>& drained) { impl_->drain(drained); }

void Server::close() { impl_->close(); }

std::size_t Server::connections() const { return impl_->connections(); }

}  // namespace entrepot::http
