// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/upstream_uses.h"

namespace entrepot::app {

UpstreamUses::Use UpstreamUses::of(const std::string& name) {
  control_.assert_in_loop();
  auto& known = uses_[name];
  if (Use use = known.lock()) return use;
  // A use may end after this object has, when the loop runs no jobs any more.
  const auto drop = [this, &control = control_, name](const void*) {
    control.post([this, name] { dropped(name); });
  };
  Use use(this, drop);  // any address but null
  known = use;
  return use;
}

void UpstreamUses::dropped(const std::string& name) {
  control_.assert_in_loop();
  const auto known = uses_.find(name);
  if (known == uses_.end() || !known->second.expired()) return;
  uses_.erase(known);
  unused_(name);
}

}  // namespace entrepot::app
