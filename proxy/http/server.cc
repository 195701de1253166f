// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/server.h"

#include <atomic>
#include <latch>
#include <utility>

#include "metrics/check.h"
#include "proxy/http/lane.h"
#include "proxy/http/listener.h"
#include "proxy/loop/loop.h"

namespace entrepot::http {

// Lanes are made where the server is made and belong to their loops from then on; every call that
// reaches them is posted there.
class Server::Impl {
 public:
  Impl(ServerOptions options, const std::vector<loop::Loop*>& loops, Handler& handler)
      : options_(std::move(options)) {
    check(!loops.empty(), "a server without loops");
    const std::vector<int> sockets = listen_on(options_.address, loops.size());
    port_ = local_port(sockets.front());
    for (std::size_t i = 0; i < loops.size(); ++i)
      lanes_.push_back(std::make_unique<Lane>(*loops[i], options_, handler, sockets[i], clients_));
  }

  ~Impl() {
    std::latch gone(static_cast<std::ptrdiff_t>(lanes_.size()));
    for (std::unique_ptr<Lane>& lane : lanes_) {
      loop::Loop& loop = lane->loop();
      const auto destroy = [&lane, &gone] {
        lane.reset();
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
    on_each_lane([](Lane& lane) { lane.start(); });
  }
  void close() {
    on_each_lane([](Lane& lane) { lane.close(); });
  }

  void drain(const std::function<void()>& drained) {
    const auto left = std::make_shared<std::atomic<std::size_t>>(lanes_.size());
    on_each_lane([left, drained](Lane& lane) {
      lane.drain([left, drained] {
        if (left->fetch_sub(1) == 1) drained();
      });
    });
  }

 private:
  // A lane is destroyed by a post to the same loop, so it is there when this job runs.
  template <typename Do>
  void on_each_lane(Do action) {
    for (const std::unique_ptr<Lane>& lane : lanes_)
      lane->loop().post([lane = lane.get(), action] { action(*lane); });
  }

  const ServerOptions options_;
  std::uint16_t port_ = 0;
  Clients clients_{options_.limits};
  std::vector<std::unique_ptr<Lane>> lanes_;
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
