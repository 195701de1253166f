// SPDX-License-Identifier: Apache-2.0
#include "proxy/access/caller.h"

#include "metrics/printable.h"

namespace entrepot::access {

std::string caller_text(const Caller& caller) {
  std::string text = caller.anonymous() ? "anonymous" : "";
  const auto add = [&text](std::string_view part) {
    text.append(text.empty() ? "" : ", ").append(part);
  };
  if (!caller.user.empty()) add("user " + printable(caller.user));
  for (const auto& name : caller.certificate) add("certificate " + printable(name));
  if (caller.uid) add("uid " + std::to_string(*caller.uid));
  add(caller.address.text());
  return text;
}

}  // namespace entrepot::access
