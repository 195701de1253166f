// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/transfer/last_addresses.h"

#include <algorithm>

namespace entrepot::upstream {

void LastAddresses::answered(const std::string& host, std::string_view address, Time now) {
  if (hosts_.size() >= most && !hosts_.contains(host)) {
    hosts_.erase(std::min_element(hosts_.begin(), hosts_.end(), [](const auto& a, const auto& b) {
      return a.second.at < b.second.at;
    }));
  }
  Known& known = hosts_[host];
  known.address = address;
  known.at = now;
}

std::string LastAddresses::resolve_entry(const std::string& host, Time now) const {
  const auto found = hosts_.find(host);
  if (found == hosts_.end() || now - found->second.at > kept) return {};
  const std::string& address = found->second.address;
  // The plus lets curl forget it as it forgets what it has resolved itself.
  const bool v6 = address.find(':') != std::string::npos;
  return "+" + host + ":" + (v6 ? "[" + address + "]" : address);
}

}  // namespace entrepot::upstream
