// SPDX-License-Identifier: Apache-2.0
#include "proxy/registry/pending.h"

#include <chrono>
#include <memory>

#include "proxy/registry/reply/reply.h"

namespace entrepot::registry {

bool begin_wait(http::Exchange& exchange, Call& call) {
  if (!exchange.begin_miss()) {
    refuse(
        exchange, call,
        {{429, ErrorCode::too_many_requests,
          "as many requests of this client wait for a registry as may (limits.misses_per_client)",
          std::chrono::seconds(5)},
         RefusalReason::client_misses});
    return false;
  }
  call.outcome = metrics::Outcome::miss;
  call.reason = metrics::AnswerReason::client_left;
  call.left = std::make_shared<cache::Left>(false);
  call.work = std::make_shared<cache::WorkForRequest>();
  return true;
}

}  // namespace entrepot::registry
