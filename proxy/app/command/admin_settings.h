// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "conf/config.h"
#include "conf/json/problems.h"
#include "proxy/admin/admin_guard.h"
#include "proxy/app/command/listener_contexts.h"
#include "proxy/app/command/listener_rules.h"
#include "proxy/http/tls/context.h"

namespace entrepot::app {

/// The settings of the admin listener that may change while it listens.
struct AdminSettings {
  std::shared_ptr<const http::tls::Context> context;  ///< null: plain HTTP
  std::shared_ptr<const admin::Doors> doors;
  std::string digest;  ///< of the doors; equal digests: equal doors
};

/// Reads the certificates of the admin listener and checks its rights; a term that can match no
/// client of this listener is an error. `rules`: AllRules::admin. Blocking. REQUIRES: there is an
/// admin listener.
AdminSettings load_admin(const conf::Config& config, const LoadedRules& rules,
                         ListenerTickets& tickets, conf::Problems& problems);

}  // namespace entrepot::app
