// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/lane.h"

#include <algorithm>
#include <utility>

#include "metrics/check.h"

namespace entrepot::http {
namespace {

using std::chrono::milliseconds;

// Often enough to keep the shortest deadline within a quarter of itself.
milliseconds sweep_interval(const ServerOptions& options) {
  const milliseconds shortest =
      std::min({options.header_timeout, options.idle_timeout, options.send_timeout});
  return std::clamp(shortest / 4, milliseconds(5), milliseconds(250));
}

/// Connections that are compared when one has to go: looking at ten thousand for each newcomer of a
/// flood would be work for a loop.
constexpr std::size_t looked_at = 128;

}  // namespace

Lane::Lane(loop::Loop& loop, const ServerOptions& options, Handler& handler, int listening,
           Clients& clients)
    : loop_(loop),
      options_(options),
      handler_(handler),
      clients_(clients),
      sweep_every_(sweep_interval(options)),
      head_writer_(options.common_fields),
      listener_(
          loop, listening, [this](int fd, Peer peer) { accepted(fd, std::move(peer)); },
          [this] {
            const std::string body = handler_.refused(503, "out of file descriptors", "");
            HeadWriter::Frame frame;
            frame.status = 503;
            frame.content_length = body.size();
            frame.keep_alive = false;
            return std::string(head_writer_.write(
                       frame, "Content-Type: application/json\r\nRetry-After: 5\r\n")) +
                   body;
          }) {
  if (options.own_descriptors > 0)
    listener_.reserve(options.own_descriptors, [this] { return make_room(); });
}

Lane::~Lane() {
  close();
  loop_.assert_in_loop();
}

void Lane::start() { listener_.start(); }

bool Lane::make_room() {
  using Displaces = ServerOptions::Displaces;
  if (options_.displaces == Displaces::nobody) return false;
  const auto counts_less = [](const Connection& one, const Connection& other) {
    return one.asked() != other.asked() ? !one.asked() : one.since() < other.since();
  };
  std::shared_ptr<Connection> least;  // it leaves the table while it is cut
  for (std::size_t i = std::min(connections_.size(), looked_at); i > 0; --i) {
    const auto& connection = connections_[++look_at_ % connections_.size()];
    if (!connection->admitted()) continue;
    if (least == nullptr || counts_less(*connection, *least)) least = connection;
  }
  if (least == nullptr || (least->asked() && options_.displaces == Displaces::idle)) return false;
  if (options_.client_counters) options_.client_counters->idle.add();
  least->cut();
  return true;
}

Clients::Admission Lane::admit(ClientAddress address) {
  if (auto admission = clients_.admit(address);
      admission.verdict != Clients::Verdict::full || !make_room())
    return admission;
  return clients_.admit(address);
}

void Lane::accepted(int fd, Peer peer) {
  auto [verdict, told, share] = admit(peer.address);
  auto connection = std::make_shared<Connection>(*this, fd, std::move(peer), std::move(share));
  connection->index = connections_.size();
  connections_.push_back(connection);
  if (verdict == Clients::Verdict::admitted)
    connection->begin();
  else
    turn_away(*connection, verdict, told);
  if (sweep_timer_ == nullptr) sweep_later();
}

void Lane::turn_away(Connection& connection, Clients::Verdict verdict, bool told) {
  const bool full = verdict == Clients::Verdict::full;
  if (full && options_.turned_away) options_.turned_away->add();
  if (!full && options_.client_counters) options_.client_counters->connections.add();
  if (told)
    connection.turn_away(
        {503, full ? "too many connections" : "too many connections of one client"});
  else
    connection.cut();
}

void Lane::remove(Connection& connection) {
  const std::size_t index = connection.index;
  check(connections_[index].get() == &connection, "a connection in the wrong place");
  std::shared_ptr<Connection> removed = std::move(connections_[index]);
  if (index + 1 < connections_.size()) {
    connections_[index] = std::move(connections_.back());
    connections_[index]->index = index;
  }
  connections_.pop_back();
  if (listener_.wants_back()) listener_.take_back(connection.release());
  // Its own functions are still on the stack.
  loop_.post([removed = std::move(removed)] {});
  report_if_drained();
}

void Lane::sweep_later() {
  sweep_due_ = Connection::Clock::now() + sweep_every_;
  sweep_timer_ = loop_.after(sweep_every_, [this] { sweep(); });
}

void Lane::sweep() {
  const auto now = Connection::Clock::now();
  // This process was stopped, or the machine slept: what came in time meanwhile is read first.
  late_ = !late_ && now > sweep_due_ + sweep_every_;
  if (late_) return sweep_later();
  // Backwards: one that goes is replaced by one that was looked at already.
  for (std::size_t i = connections_.size(); i-- > 0;) connections_[i]->check_deadlines(now);
  sweep_timer_.reset();
  if (!connections_.empty()) sweep_later();
}

void Lane::drain(std::function<void()> drained) {
  loop_.assert_in_loop();
  drained_ = std::move(drained);
  draining_ = true;
  listener_.close();
  for (std::size_t i = connections_.size(); i-- > 0;) connections_[i]->drain();
  report_if_drained();
}

void Lane::close() {
  loop_.assert_in_loop();
  draining_ = true;
  listener_.close();
  for (std::size_t i = connections_.size(); i-- > 0;) connections_[i]->cut();
}

void Lane::report_if_drained() {
  if (!connections_.empty() || !drained_) return;
  // From the queue: the last connection may be in the middle of its own end.
  loop_.post(std::exchange(drained_, nullptr));
}

}  // namespace entrepot::http
