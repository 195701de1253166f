// SPDX-License-Identifier: Apache-2.0
#include "proxy/access/caller.h"

#include "metrics/printable.h"

namespace entrepot::access {
namespace {

/// The name of a claim as ClaimName::parse() takes it.
std::string claim_text(const std::string& pointer) {
  const bool plain = pointer.find('/', 1) == pointer.npos && pointer.find('~') == pointer.npos;
  return printable(plain ? pointer.substr(1) : pointer);
}

}  // namespace

std::string caller_text(const Caller& caller) {
  std::string text = caller.anonymous() ? "anonymous" : "";
  const auto add = [&text](std::string_view part) {
    text.append(text.empty() ? "" : ", ").append(part);
  };
  if (!caller.user.empty()) add("user " + printable(caller.user));
  if (caller.claims != nullptr)
    for (const auto& [pointer, values] : caller.claims->all())
      for (const auto& value : values) add("claim " + claim_text(pointer) + "=" + printable(value));
  for (const auto& name : caller.certificate) add("certificate " + printable(name));
  if (caller.uid) add("uid " + std::to_string(*caller.uid));
  add(caller.address.text());
  return text;
}

}  // namespace entrepot::access
