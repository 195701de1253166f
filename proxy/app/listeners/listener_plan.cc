// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/listeners/listener_plan.h"

#include <optional>

#include "proxy/http/listener.h"

namespace entrepot::app {
namespace {

bool same_kind(const conf::Listener& one, const conf::Listener& other) {
  return one.tls.has_value() == other.tls.has_value();
}

/// Which present listener each next one is; nullopt: none.
class Pairing {
 public:
  Pairing(const std::vector<conf::Listener>& now, const std::vector<conf::Listener>& next)
      : now_(now), next_(next), before_(next.size()), taken_(now.size()) {
    pair(same_kind);
    pair([](const auto&, const auto&) { return true; });
  }

  const std::optional<std::size_t>& before(std::size_t next) const { return before_[next]; }
  bool taken(std::size_t now) const { return taken_[now]; }

 private:
  template <typename Fits>
  void pair(Fits fits) {
    for (std::size_t i = 0; i < next_.size(); ++i)
      for (std::size_t at = 0; at < now_.size() && !before_[i]; ++at)
        if (!taken_[at] && http::same_address(now_[at].address, next_[i].address) &&
            fits(now_[at], next_[i])) {
          before_[i] = at;
          taken_[at] = true;
        }
  }

  const std::vector<conf::Listener>& now_;
  const std::vector<conf::Listener>& next_;
  std::vector<std::optional<std::size_t>> before_;
  std::vector<bool> taken_;
};

}  // namespace

ListenerPlan plan_listeners(const std::vector<conf::Listener>& now,
                            const std::vector<conf::Listener>& next) {
  using Step = ListenerPlan::Step;
  const Pairing pairing(now, next);
  ListenerPlan plan;
  for (std::size_t i = 0; i < next.size(); ++i) {
    const auto& before = pairing.before(i);
    if (!before)
      plan.entries.push_back({Step::add});
    else
      plan.entries.push_back(
          {same_kind(now[*before], next[i]) ? Step::keep : Step::replace, *before});
  }
  for (std::size_t i = 0; i < now.size(); ++i)
    if (!pairing.taken(i)) plan.removed.push_back(i);
  return plan;
}

bool same_admin_server(const std::optional<conf::Admin>& one,
                       const std::optional<conf::Admin>& other) {
  if (!one || !other) return !one && !other;
  const auto server = [](const conf::Admin& admin) {
    const auto& listener = admin.listener;
    return std::tuple(std::string_view(listener.address), listener.mode, listener.tls.has_value());
  };
  return server(*one) == server(*other);
}

std::optional<conf::Admin> admin_until_restart(const std::optional<conf::Admin>& now,
                                               const std::optional<conf::Admin>& next) {
  return same_admin_server(now, next) ? next : now;
}

}  // namespace entrepot::app
