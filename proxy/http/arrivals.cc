// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/arrivals.h"

#include <event2/event.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "metrics/check.h"
#include "proxy/http/peer/forwarding.h"

namespace entrepot::http {
namespace {

using metrics::Forwarding;

Forwarding reason_of(ProxyHeader::Result result) {
  switch (result) {
    case ProxyHeader::Result::missing:
      return Forwarding::missing;
    case ProxyHeader::Result::checksum:
      return Forwarding::checksum;
    case ProxyHeader::Result::malformed:
    case ProxyHeader::Result::more:
    case ProxyHeader::Result::complete:
      break;
  }
  return Forwarding::malformed;
}

/// Removes `count` bytes, which have arrived, from a socket.
void consume(int fd, std::size_t count) {
  std::array<char, ProxyHeader::max_size> bytes;
  static_cast<void>(recv(fd, bytes.data(), std::min(count, bytes.size()), MSG_DONTWAIT));
}

}  // namespace

Arrivals::Arrivals(loop::Loop& loop, const ServerOptions& options, Handler& handler,
                   Clients& clients, Calls calls)
    : loop_(loop),
      options_(options),
      handler_(handler),
      clients_(clients),
      calls_(std::move(calls)),
      proxies_(options.trusted_proxies),
      timeouts_(options) {}

Arrivals::~Arrivals() { close(); }

void Arrivals::trust(std::shared_ptr<const TrustedProxies> proxies) {
  loop_.assert_in_loop();
  proxies_ = std::move(proxies);
}

void Arrivals::accepted(int fd, Peer peer) {
  if (proxies_ == nullptr || !begins_with_header(*proxies_, peer))
    return calls_.known(fd, std::move(peer));
  auto admission = clients_.admit(peer.address, Clients::Role::proxy);
  if (admission.verdict == Clients::Verdict::full && calls_.make_room())
    admission = clients_.admit(peer.address, Clients::Role::proxy);
  if (admission.verdict == Clients::Verdict::admitted)
    return wait(fd, std::move(peer), std::move(admission.share));
  // Without an answer: TLS may be expected, and the client is not known.
  if (options_.turned_away) options_.turned_away->add();
  ::close(fd);
}

void Arrivals::failed(Forwarding reason, const Peer& proxy) {
  options_.forwarding.clients(reason).add();
  // Load balancers check a port by connecting, and a server closes for reasons of its own.
  if (reason != Forwarding::closed && reason != Forwarding::displaced)
    handler_.forwarding_failed(reason, proxy);
}

void Arrivals::wait(int fd, Peer proxy, Clients::Share share) {
  waits_.push_back({this, fd, std::move(proxy), std::move(share), Clock::now() + timeouts_.header});
  Wait& wait = waits_.back();
  wait.place = std::prev(waits_.end());
  const auto on_ready = [](int, short, void* waiting) {
    auto& ready = *static_cast<Wait*>(waiting);
    ready.arrivals->read(ready);
  };
  wait.readable = event_new(loop_.base(), fd, EV_READ | EV_PERSIST, on_ready, &wait);
  check(wait.readable != nullptr, "event_new");
  event_add(wait.readable, nullptr);
  if (timer_ == nullptr) expire_later();
}

void Arrivals::read(Wait& wait) {
  std::array<char, ProxyHeader::max_size> bytes;
  const std::size_t before = wait.received.size();
  const ssize_t n = recv(wait.fd, bytes.data(), bytes.size() - before, MSG_PEEK | MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return;
  if (n <= 0) return fail(wait, Forwarding::closed);
  wait.received.append(bytes.data(), static_cast<std::size_t>(n));
  const ProxyHeader header = parse_proxy_header(wait.received);
  if (header.result == ProxyHeader::Result::more)
    return consume(wait.fd, static_cast<std::size_t>(n));
  if (header.result != ProxyHeader::Result::complete) return fail(wait, reason_of(header.result));
  consume(wait.fd, header.size - before);
  complete(wait, header);
}

void Arrivals::complete(Wait& wait, const ProxyHeader& header) {
  auto [fd, proxy] = remove(wait);
  // HAProxy 2.6 names its own end of the connection in health checks with version 1.
  const bool own = !header.source || header.source->text() == proxy.name;
  options_.forwarding.clients(own ? Forwarding::own : Forwarding::ok).add();
  calls_.known(fd, own ? std::move(proxy) : forwarded_peer(proxy, *header.source));
}

void Arrivals::fail(Wait& wait, Forwarding reason) {
  const auto [fd, proxy] = remove(wait);
  failed(reason, proxy);  // before the proxy can see the end
  ::close(fd);
  calls_.ended();
}

std::pair<int, Peer> Arrivals::remove(Wait& wait) {
  event_free(wait.readable);
  const int fd = wait.fd;
  Peer proxy = std::move(wait.proxy);
  waits_.erase(wait.place);
  if (waits_.empty()) timer_.reset();
  return {fd, std::move(proxy)};
}

bool Arrivals::displace() {
  loop_.assert_in_loop();
  if (waits_.empty()) return false;
  fail(waits_.front(), Forwarding::displaced);
  return true;
}

void Arrivals::shorten(std::chrono::milliseconds time) {
  loop_.assert_in_loop();
  for (Wait& wait : waits_) wait.deadline = std::min(wait.deadline, Clock::now() + time);
  if (!waits_.empty()) expire_later();
}

void Arrivals::close() {
  while (displace()) {
  }
}

void Arrivals::expire() {
  // Its loop has read what arrived in time, even after the machine slept: a turn handles the
  // sockets before the timers.
  const auto now = Clock::now();
  while (!waits_.empty() && waits_.front().deadline <= now)
    fail(waits_.front(), Forwarding::timeout);
  if (!waits_.empty()) expire_later();
}

void Arrivals::expire_later() {
  const auto left = waits_.front().deadline - Clock::now();
  timer_ =
      loop_.after(std::chrono::ceil<std::chrono::milliseconds>(std::max(left, Clock::duration(0))),
                  [this] { expire(); });
}

}  // namespace entrepot::http
