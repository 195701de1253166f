// SPDX-License-Identifier: Apache-2.0
#include "proxy/access/who.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "metrics/printable.h"
#include "proxy/base/text.h"

namespace entrepot::access {
namespace {

constexpr std::array<std::string_view, 6> certificate_kinds = {
    "CN=", "O=", "OU=", "DNS=", "URI=", "EMAIL="};
constexpr std::string_view all_terms =
    "anyone, anonymous, login, user:NAME, group:NAME, claim:NAME=VALUE, cert:CN=NAME, cert:*, "
    "net:10.0.0.0/8 or uid:1000";

/// Calls the function for the type of a term.
template <typename... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};
template <typename... Functions>
Overloaded(Functions...) -> Overloaded<Functions...>;

}  // namespace

std::variant<Who, Fault> Who::parse(std::string_view text, const Groups& groups) {
  const std::size_t colon = text.find(':');
  const std::string_view kind = text.substr(0, colon);
  const std::string_view value = colon == text.npos ? "" : text.substr(colon + 1);
  auto parsed = [&]() -> std::variant<Term, Fault> {
    if (colon == text.npos) return parse_word(text);
    if (kind == "user") return parse_user(value);
    if (kind == "group") return parse_group(value, groups);
    if (kind == "claim") return parse_claim(value);
    if (kind == "cert") return parse_certificate(value);
    if (kind == "net") return parse_network(value);
    if (kind == "uid") return parse_uid(value);
    return Fault{quoted(text) + " is no client; write " + std::string(all_terms)};
  }();
  if (auto* fault = std::get_if<Fault>(&parsed)) return std::move(*fault);
  return Who(text, std::get<Term>(std::move(parsed)));
}

std::variant<Who::Term, Fault> Who::parse_word(std::string_view text) {
  if (text == "anyone") return Anyone{};
  if (text == "anonymous") return Anonymous{};
  if (text == "login") return Login{};
  return Fault{quoted(text) + " is no client; write " + std::string(all_terms)};
}

std::variant<Who::Term, Fault> Who::parse_user(std::string_view glob) {
  if (auto fault = Glob::fault(glob)) return Fault{std::move(*fault)};
  return User{Glob(glob)};
}

std::variant<Who::Term, Fault> Who::parse_group(std::string_view name, const Groups& groups) {
  const auto found = groups.configured.find(name);
  if (found != groups.configured.end()) return Group{found->second};
  if (groups.in_claims && !name.empty()) return ClaimedGroup{std::string(name)};
  return Fault{"no group " + quoted(name) + "; add it to \"groups\" with its users"};
}

std::variant<Who::Term, Fault> Who::parse_claim(std::string_view claim) {
  const std::size_t equals = claim.find('=');
  if (equals == claim.npos)
    return Fault{quoted(claim) + " has no value; write claim:NAME=VALUE, or claim:NAME=* for any"};
  auto name = ClaimName::parse(claim.substr(0, equals));
  if (auto* fault = std::get_if<Fault>(&name)) return std::move(*fault);
  const std::string_view glob = claim.substr(equals + 1);
  if (auto fault = Glob::fault(glob)) return Fault{std::move(*fault)};
  return Claim{std::get<ClaimName>(std::move(name)), Glob(glob)};
}

std::variant<Who::Term, Fault> Who::parse_certificate(std::string_view name) {
  if (name == "*") return AnyCertificate{};
  for (const std::string_view kind : certificate_kinds) {
    if (!name.starts_with(kind)) continue;
    const std::string_view glob = name.substr(kind.size());
    if (auto fault = Glob::fault(glob)) return Fault{std::move(*fault)};
    return Certificate{std::string(kind), Glob(glob)};
  }
  return Fault{"\"cert:" + printable(name.substr(0, 64)) +
               "\" names no kind of name; write cert:CN=NAME, cert:O=NAME, cert:OU=NAME, "
               "cert:DNS=NAME, cert:URI=NAME, cert:EMAIL=NAME or cert:*"};
}

std::variant<Who::Term, Fault> Who::parse_network(std::string_view network) {
  auto parsed = Network::parse(network);
  if (auto* fault = std::get_if<Fault>(&parsed)) return std::move(*fault);
  return std::get<Network>(parsed);
}

std::variant<Who::Term, Fault> Who::parse_uid(std::string_view number) {
  const auto uid = parse_number(number);
  // The highest number means "no user" to the kernel.
  if (!uid || *uid >= std::numeric_limits<uid_t>::max())
    return Fault{quoted(number) + " is no user id; write a number, as `id -u NAME` prints it"};
  return Uid{static_cast<uid_t>(*uid)};
}

bool Who::matches(const Caller& caller) const {
  return std::visit(
      Overloaded{
          [](const Anyone&) { return true; },
          [&](const Anonymous&) { return caller.anonymous(); },
          [&](const Login&) { return !caller.user.empty(); },
          [&](const User& user) { return !caller.user.empty() && user.name.matches(caller.user); },
          [&](const Group& group) {
            return std::binary_search(group.members->begin(), group.members->end(), caller.user,
                                      std::less<std::string_view>());
          },
          [&](const ClaimedGroup& group) {
            return std::binary_search(caller.groups.begin(), caller.groups.end(), group.name);
          },
          [&](const Claim& claim) {
            return caller.claims != nullptr &&
                   caller.claims->match(claim.name.pointer(), claim.value);
          },
          [&](const AnyCertificate&) { return !caller.certificate.empty(); },
          [&](const Certificate& certificate) {
            return std::any_of(
                caller.certificate.begin(), caller.certificate.end(), [&](std::string_view name) {
                  return name.starts_with(certificate.kind) &&
                         certificate.name.matches(name.substr(certificate.kind.size()));
                });
          },
          [&](const Network& network) { return network.contains(caller.address); },
          [&](const Uid& uid) { return caller.uid == uid.number; },
      },
      term_);
}

}  // namespace entrepot::access
