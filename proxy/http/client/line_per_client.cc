// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/client/line_per_client.h"

namespace entrepot::http {

bool LinePerClient::take(ClientAddress client, Clock::time_point now) {
  const MutexLock lock(mutex_);
  while (!order_.empty() && now - order_.front().first >= period) {
    told_.erase(order_.front().second);
    order_.pop();
  }
  if (told_.size() >= most || !told_.insert(client).second) return false;
  order_.emplace(now, client);
  return true;
}

}  // namespace entrepot::http
