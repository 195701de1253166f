// SPDX-License-Identifier: Apache-2.0
#include "proxy/app/listeners/prepared_listeners.h"

#include <string_view>

namespace entrepot::app {

std::string PreparedListeners::text() const {
  std::string text;
  const auto tell = [&](std::string_view what, const std::vector<std::string>& names) {
    if (names.empty()) return;
    text.append(text.empty() ? "" : "; ").append(what);
    for (const auto& name : names) text.append(&name == names.data() ? " " : ", ").append(name);
  };
  tell("listeners added:", added);
  tell("listeners removed:", removed);
  tell("TLS added:", with_tls);
  tell("TLS removed:", without_tls);
  tell("new permissions on", modes);
  tell("new certificates on", certificates);
  tell("new access rules on", rules);
  tell("new trusted proxies on", proxies);
  return text;
}

}  // namespace entrepot::app
