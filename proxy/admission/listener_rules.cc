// SPDX-License-Identifier: Apache-2.0
#include "proxy/admission/listener_rules.h"

#include <algorithm>

namespace entrepot::admission {

using metrics::AccessRefusal;

bool ListenerRules::admits(const IpAddress& address) const {
  return networks.empty() ||
         std::any_of(networks.begin(), networks.end(),
                     [&](const Network& network) { return network.contains(address); });
}

bool ListenerRules::serves(const access::Caller& caller) const {
  if (access != nullptr && access->has_rules()) return access->serves(caller);
  return !named_only || !caller.anonymous();
}

std::optional<AccessRefusal> ListenerRules::refusal(const access::Caller& caller,
                                                    std::string_view upstream,
                                                    std::string_view repository) const {
  if (access != nullptr) {
    const access::Decision decision = access->decide(caller, upstream, repository);
    if (decision.reason == access::DecisionReason::deny_list) return AccessRefusal::deny_list;
    if (!decision.allowed) return AccessRefusal::rules;
    if (access->has_rules()) return std::nullopt;
  }
  if (named_only && caller.anonymous()) return AccessRefusal::rules;
  return std::nullopt;
}

}  // namespace entrepot::admission
